"""vercel.json and netlify.toml: content → what is declared."""

import json
from pathlib import Path

import pytest
from tests.services.analyzer.declared.reading import read, values, variables

from autodeploy.services.analyzer.declared.base import Source


def test_vercel_json_read_to_commands_and_output(tmp_path: Path) -> None:
    text = """{"framework": null, "installCommand": "pnpm i", "buildCommand": "",
      "outputDirectory": "./dist/", "env": {"A": "1", "B": "@b"}, "build": {"env": {"C": "3"}},
      "crons": [{"path": "/x", "schedule": "* * * * *"}], "headers": []}"""
    declared, files = read(tmp_path, Source.VERCEL, {"vercel.json": text})
    assert values(declared) == {"install": "pnpm i", "build": "", "output_directory": "dist"}
    assert variables(declared) == {
        "A": {"default": "1"},
        "B": {"secret": True},
        "C": {"build": True, "default": "3"},
    }
    assert files.warnings == [
        "vercel.json: crons is not obeyed: AutoDeploy has no scheduled requests."
    ]


@pytest.mark.parametrize(
    ("source", "destination", "is_spa"),
    [
        ("/(.*)", "/index.html", True),
        ("/((?!api/).*)", "/", True),
        ("/:path*", "/index.html", True),
        ("/api/(.*)", "/index.html", False),
        ("/(.*)", "/api", False),
        ("/:path*", "https://example.org/:path*", False),
        (["/"], "/", False),
        ("/(.*)", ["/"], False),
    ],
)
def test_vercel_rewrite_of_every_path_to_the_first_page_is_a_fallback(
    tmp_path: Path, source: object, destination: object, is_spa: bool
) -> None:
    text = json.dumps({"rewrites": [{"source": source, "destination": destination}]})
    declared, _ = read(tmp_path, Source.VERCEL, {"vercel.json": text})
    assert values(declared) == ({"spa_fallback": True} if is_spa else {})


NETLIFY = """
[build]
command = "npm run build"
publish = "/dist"
functions = "functions"
[build.environment]
NODE_VERSION = "20"
NPM_FLAGS = "--legacy-peer-deps"
API_URL = "https://api.example.org"
[context.production]
command = "npm install && npm run build:live"
[[redirects]]
from = "/*"
to = "/index.html"
status = 200
"""


def test_netlify_toml_read_with_production_before_build(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.NETLIFY, {"netlify.toml": NETLIFY})
    assert values(declared) == {
        "install": "npm install",
        "build": "npm run build:live",
        "output_directory": "dist",
        "spa_fallback": True,
        "runtimes": {"node": "20"},
    }
    assert variables(declared) == {"API_URL": {"build": True, "default": "https://api.example.org"}}
    assert files.warnings == [
        "netlify.toml: build.functions is not obeyed: AutoDeploy has no functions of Netlify."
    ]


def test_netlify_base_names_the_folder_and_is_read_from_there(tmp_path: Path) -> None:
    files = {"netlify.toml": '[build]\nbase = "site/"\ncommand = "x"', "site/index.html": ""}
    assert values(read(tmp_path, Source.NETLIFY, files)[0]) == {"root_directory": "site"}
    assert values(read(tmp_path, Source.NETLIFY, files, "site")[0]) == {"build": "x"}
    files["other/index.html"] = ""
    assert values(read(tmp_path, Source.NETLIFY, files, "other")[0]) == {}


def test_netlify_base_out_of_the_repository_is_left_out(tmp_path: Path) -> None:
    text = '[build]\nbase = "../up"\npublish = "-x"'
    declared, files = read(tmp_path, Source.NETLIFY, {"netlify.toml": text})
    assert values(declared) == {}
    assert [warning.partition(" is ")[0] for warning in files.warnings] == [
        "netlify.toml: build.base",
        "netlify.toml: build.publish",
    ]
