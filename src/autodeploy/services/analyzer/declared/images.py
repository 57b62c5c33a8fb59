"""Container images and add-ons by name: which runtime, or which service, they stand for.

Names of https://hub.docker.com and https://elements.heroku.com/addons (read 2026-11).
"""

import re
from collections.abc import Mapping

from autodeploy.services.analyzer.declared.base import Said
from autodeploy.services.analyzer.declared.containers import names_image
from autodeploy.services.analyzer.declared.document import Document

# The last part of an image's name, or the last two, → language.
LANGUAGES: Mapping[str, str] = {
    "node": "node", "python": "python", "golang": "go", "rust": "rust", "ruby": "ruby",
    "php": "php", "openjdk": "java", "eclipse-temurin": "java", "amazoncorretto": "java",
    "maven": "java", "gradle": "java", "elixir": "elixir", "dotnet/sdk": "dotnet",
    "dotnet/aspnet": "dotnet", "dotnet/runtime": "dotnet", "deno": "deno", "dart": "dart",
    "swift": "swift", "haskell": "haskell", "clojure": "clojure", "crystal": "crystal",
    "uvicorn-gunicorn-fastapi": "python", "uvicorn-gunicorn": "python", "uv": "python",
    "rails": "ruby", "sbt": "scala",
}  # fmt: skip

# What the image itself puts before a command.
ENTRYPOINTS: Mapping[str, str] = {"deno": "deno"}

_VERSION = re.compile(r"v?(\d{1,4}(?:\.\d{1,4}){0,2})(?!\w)")
_NAMED_VERSION = re.compile(r"(?:python|node)-?(\d{1,4}(?:\.\d{1,4}){0,2})")
_JDK = re.compile(r"(?:jdk|jre|temurin|corretto|openjdk)-?(\d{1,3})")
_BUILDERS = ("maven", "gradle", "sbt", "clojure")

SERVICES: Mapping[str, str] = {
    **dict.fromkeys(("postgres", "postgresql", "postgis", "timescaledb", "timescaledb-ha",
                     "pgvector", "pgvecto-rs", "spilo-15"), "postgresql"),
    **dict.fromkeys(("mysql", "mysql-server", "mariadb", "percona"), "mysql"),
    **dict.fromkeys(("redis", "redis-stack", "redis-stack-server", "valkey", "keydb",
                     "dragonfly"), "redis"),
    **dict.fromkeys(("mongo", "mongodb", "mongodb-community-server"), "mongodb"),
    **dict.fromkeys(("minio", "localstack"), "s3"),
    "rabbitmq": "rabbitmq", "nats": "nats", "memcached": "memcached",
    **dict.fromkeys(("kafka", "cp-kafka", "redpanda"), "kafka"),
    **dict.fromkeys(("elasticsearch", "opensearch"), "elasticsearch"),
    **dict.fromkeys(("mailhog", "mailpit", "maildev", "mailcatcher"), "mail"),
}  # fmt: skip

ADDONS: Mapping[str, str] = {
    **dict.fromkeys(("heroku-postgresql", "crunchybridge"), "postgresql"),
    **dict.fromkeys(("jawsdb", "jawsdb-maria", "cleardb", "stackhero-mysql"), "mysql"),
    **dict.fromkeys(("heroku-redis", "rediscloud", "redistogo", "openredis", "upstash-redis",
                     "stackhero-redis"), "redis"),
    **dict.fromkeys(("mongolab", "objectrocket", "ormongo"), "mongodb"),
    **dict.fromkeys(("cloudamqp", "rabbitmq-bigwig", "stackhero-rabbitmq"), "rabbitmq"),
    **dict.fromkeys(("bucketeer", "cloudcube"), "s3"),
    **dict.fromkeys(("sendgrid", "mailgun", "postmark", "mailtrap", "sparkpost"), "mail"),
    **dict.fromkeys(("bonsai", "searchbox", "foundelasticsearch"), "elasticsearch"),
    **dict.fromkeys(("memcachier", "memcachedcloud"), "memcached"),
    "heroku-kafka": "kafka",
}  # fmt: skip


def name_of(image: str) -> tuple[str, str, str]:
    """(last part of the name, the last two, tag) of ``registry/owner/name:tag@digest``."""
    whole = image.partition("@")[0]
    above, _, last = whole.rpartition("/")
    name, _, tag = last.partition(":")
    return name.lower(), f"{above.rpartition('/')[2]}/{name}".lower(), tag.lower()


def runtime_of(image: str) -> tuple[str, str | None] | None:
    """(language, version or None) that a base image is made for; None for any other image."""
    name, qualified, tag = name_of(image)
    language = LANGUAGES.get(qualified) or LANGUAGES.get(name)
    if language is None or qualified.startswith("devcontainers/"):
        return None
    if name in _BUILDERS:
        found = _JDK.search(tag)
    elif name in ("uv", "uvicorn-gunicorn-fastapi", "uvicorn-gunicorn"):
        found = _NAMED_VERSION.match(tag)
    else:
        found = _VERSION.match(tag)
    return language, found[1] if found else None


def service_of(image: str) -> str | None:
    """The kind of service that an image runs, None where it is none that is known."""
    return SERVICES.get(name_of(image)[0])


def image_only(said: Said[str], document: Document) -> bool:
    """Whether a command runs only in an image; it is a fact of the plan then, and no command."""
    if not names_image(said.value):
        return False
    document.files.note(
        document.path, f"{said.key} `{said.value[:80]}` is for a container image", said.line
    )
    return True
