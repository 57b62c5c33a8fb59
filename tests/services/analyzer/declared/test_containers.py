"""Dockerfile and compose files: content → what is declared."""

from pathlib import Path

import pytest
from tests.services.analyzer.declared.reading import read, services, values, variables

from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.declared.base import Source

DOCKERFILE = """
# syntax=docker/dockerfile:1
ARG NODE_VERSION=20.11
FROM node:${NODE_VERSION}-slim AS base
WORKDIR /app
ENV NODE_ENV=production LOG_LEVEL="info"

FROM base AS build
ARG VITE_API_URL=/api
ARG COMMIT # often called SHA
RUN <<EOF
CMD not this
EOF
RUN npm ci && \\
    # a comment between
    npm run build

FROM base
COPY --from=build /app/dist ./dist
ENV API_TOKEN="abc"
EXPOSE 3000/tcp
HEALTHCHECK CMD curl -f http://localhost:3000/healthz || exit 1
CMD ["node", "dist/server.js"]
"""


def test_dockerfile_of_several_stages_read(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.DOCKERFILE, {"Dockerfile": DOCKERFILE})
    assert values(declared) == {
        "start": "node dist/server.js",
        "health_path": "/healthz",
        "port": 3000,
        "language": "node",
        "image": ImageBuild("Dockerfile", ".", port=3000),
        "runtimes": {"node": "20.11"},
    }
    assert declared is not None
    assert {one.key for one in declared.variables} == {
        "NODE_VERSION", "NODE_ENV", "LOG_LEVEL", "VITE_API_URL", "COMMIT", "API_TOKEN"}  # fmt: skip
    assert variables(declared)["VITE_API_URL"] == {"build": True, "default": "/api"}
    assert declared.start is not None
    assert (declared.start.reason, declared.start.line) == ("Dockerfile: CMD", 23)
    assert files.warnings == []


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('FROM node\nCMD ["node", "server.js"]', "node server.js"),
        ("FROM node\nCMD node server.js", "node server.js"),
        ('FROM node\nCMD ["sh", "-c", "node server.js"]', "node server.js"),
        ('FROM node\nENTRYPOINT ["node"]\nCMD ["server.js"]', "node server.js"),
        ('FROM node\nENTRYPOINT ["tini", "--"]\nCMD ["node", "server.js"]', "node server.js"),
        ('FROM node AS a\nCMD ["node", "x.js"]\nFROM a\nCMD ["node", "server.js"]',
         "node server.js"),
        ('FROM node AS a\nCMD ["node", "server.js"]\nFROM a', "node server.js"),
        ('FROM denoland/deno\nCMD ["task", "start"]', "deno task start"),
        ('FROM python\nCMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000"]',
         "uvicorn app.main:app --host 0.0.0.0 --port $PORT"),
        ("FROM python\nCMD gunicorn app.main:app -b 0.0.0.0:8000",
         "gunicorn app.main:app -b 0.0.0.0:$PORT"),
        ('FROM ruby\nCMD ["./start.sh"]', "./start.sh"),
        # What only the image has, and what is for the desk or no app.
        ('FROM node\nCMD ["node", "/app/server.js"]', None),
        ('FROM node\nCMD ["node", "gone.js"]', None),
        ('FROM python\nCMD ["uvicorn", "gone:app"]', None),
        ('FROM python\nCMD ["uvicorn", "app.main:app", "--reload"]', None),
        ('FROM node\nCMD ["npm", "run", "dev"]', None),
        ('FROM nginx\nCMD ["nginx", "-g", "daemon off;"]', None),
        ('FROM alpine\nCMD ["server"]', None),
        ('FROM golang AS b\nFROM scratch\nCOPY --from=b /x /x\nENTRYPOINT ["/x"]', None),
        ('FROM ruby\nCMD ["./gone.sh"]', None),
        ("FROM node\nCMD [broken", None),
        ("FROM node\nCMD bash", None),
        ("FROM node", None),
    ],
)  # fmt: skip
def test_dockerfile_command_counts_where_the_repository_has_what_it_names(
    tmp_path: Path, text: str, start: str | None
) -> None:
    files = {"Dockerfile": text, "server.js": "", "x.js": "", "app/main.py": "", "start.sh": ""}
    declared, _ = read(tmp_path, Source.DOCKERFILE, files)
    assert values(declared).get("start") == start


@pytest.mark.parametrize(
    ("image", "runtimes"),
    [
        ("node:22-alpine", {"node": "22"}),
        ("node:lts", {}),
        ("docker.io/library/python:3.12.1-slim@sha256:0", {"python": "3.12.1"}),
        ("ghcr.io/astral-sh/uv:python3.12-bookworm", {"python": "3.12"}),
        ("golang:1.22", {"go": "1.22"}),
        ("maven:3.9-eclipse-temurin-17", {"java": "17"}),
        ("mcr.microsoft.com/dotnet/sdk:8.0", {"dotnet": "8.0"}),
        ("hexpm/elixir:1.17.3-erlang-27.0-debian", {"elixir": "1.17.3"}),
        ("registry:5000/node:20", {"node": "20"}),
        ("$UNKNOWN", {}),
        ("alpine:3.20", {}),
    ],
)
def test_base_image_tells_the_runtime(tmp_path: Path, image: str, runtimes: dict[str, str]) -> None:
    declared, _ = read(tmp_path, Source.DOCKERFILE, {"Dockerfile": f"FROM {image}"})
    assert values(declared).get("runtimes", {}) == runtimes


def test_dockerfile_without_from_is_a_warning(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.DOCKERFILE, {"Dockerfile": "hello"})
    assert declared is None
    assert files.warnings == ["Dockerfile has no FROM and was left out."]


COMPOSE = """
x-shared: &shared
  restart: always
services:
  api:
    <<: *shared
    build: {context: ., dockerfile: apps/api/Dockerfile}
    ports: ["8000:3000"]
    command: node server.js
    environment:
      DATABASE_URL: postgres://u:p@db/x
      TOKEN: ${TOKEN:?missing}
      MODE: ${MODE:-live}
    depends_on: {db: {condition: service_healthy}}
  web:
    build: ./apps/web
    environment: [API=http://api:3000, BARE]
    depends_on: [api]
  db: {image: "postgis/postgis:16", depends_on: [cache]}
  cache: {image: "docker.io/valkey/valkey:8"}
  search: {image: opensearchproject/opensearch:2}
  mail: {image: axllent/mailpit, profiles: [dev]}
"""
FOLDERS = {"compose.yaml": COMPOSE, "apps/api/x": "", "apps/web/x": "", "server.js": ""}


def test_compose_file_read_for_the_service_built_from_the_folder(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.COMPOSE, FOLDERS)
    assert values(declared) == {"start": "node server.js", "port": 3000}
    assert variables(declared) == {
        "DATABASE_URL": {"example": "postgres://u:p@db/x"},
        "TOKEN": {"required": True},
        "MODE": {},
    }
    assert services(declared) == [("postgresql", None), ("redis", None)]
    assert files.warnings == []


def test_compose_file_above_is_read_for_the_folder_that_it_builds(tmp_path: Path) -> None:
    api, _ = read(tmp_path, Source.COMPOSE, FOLDERS, "apps/api")
    assert services(api) == [("postgresql", None), ("redis", None)]
    web, _ = read(tmp_path, Source.COMPOSE, FOLDERS, "apps/web")
    assert variables(web) == {"API": {"example": "http://api:3000"}, "BARE": {}}
    assert read(tmp_path, Source.COMPOSE, {**FOLDERS, "x/y": ""}, "x")[0] is None


def test_compose_file_without_apps_names_services(tmp_path: Path) -> None:
    text = (
        "services:\n  a: {image: 'postgres:${PG:-16}'}\n  b: {image: 'rabbitmq:3', profiles: [x]}"
    )
    declared, _ = read(tmp_path, Source.COMPOSE, {"docker-compose.yml": text})
    assert services(declared) == [("postgresql", None)]
