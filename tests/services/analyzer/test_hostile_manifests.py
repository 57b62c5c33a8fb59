"""Manifests of compiled languages that were made to hurt: read in time, and never an exception."""

import time
from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of

MANIFESTS = (
    "go.mod", "go.work", "Cargo.toml", "rust-toolchain", "pom.xml", "build.gradle",
    "settings.gradle", "build.sbt", "project.clj", "deps.edn", "build.clj", "mix.exs", "App.csproj",
    "global.json", "Package.swift", "pubspec.yaml", "gleam.toml", "shard.yml", "build.zig",
    "stack.yaml", "package.yaml", "x.cabal", "CMakeLists.txt", "meson.build", "Makefile",
)  # fmt: skip

# Each is repeated to some 100,000 characters; a pattern that tries every split of them, or that
# starts anew at each and runs to the end, takes minutes.
REPEATED = (
    " ", "a", "a.", "a/", "a/a ", "\n ", "{", "{:a, only: [", '"', '"a" % ', "(", "[a ",
    "sourceCompatibility ", "sourceCompatibility = ", "include 'a',\n", "version ", "id 'a' ",
    ".package(url: \"", ".package(url: \"a/a\", ", "b.addExecutable(", ":run {", "require a.",
    "  a: ", "targets:\n ", "name := ", "lazy val a = (", "a/a{:mvn/version \"", "<a>",
)  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED)
def test_manifests_of_repeated_pieces_are_read_in_time(tmp_path: Path, piece: str) -> None:
    content = piece * (100_000 // len(piece))
    started = time.perf_counter()
    plan_of(tmp_path, dict.fromkeys(MANIFESTS, content))
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    "files",
    [
        {"A.csproj": f"<Project><TargetFramework>net{'9' * 5000}.0</TargetFramework></Project>"},
        {"pom.xml": "<project><modules>" + "<module>.</module>" * 5000 + "</modules></project>"},
        {"pom.xml": "<project><modules><module>../../etc</module></modules></project>"},
        {"settings.gradle": "include ':', '../x', '::'", "build.gradle": ""},
        {"Cargo.toml": '[workspace]\nmembers = ["../*", 5, ".", "**"]\n[package]\nname = 7\n'},
        {"Cargo.toml": 'bin = 3\npackage = "x"\ndependencies = [1]\n', "src/main.rs": ""},
        {"go.work": "use (\n ../x\n .\n ./.\n)\n", "go.mod": "", "main.go": "package main\n"},
        {"global.json": "[1]", "A.runtimeconfig.json": '{"runtimeOptions": 5}'},
        {"gradle/libs.versions.toml": 'plugins = 1\n[libraries]\na = 1\nb = {module = 2}\n',
         "build.gradle": "implementation(libs.a)\nimplementation(libs.b)\n"},
    ],
)  # fmt: skip
def test_manifest_of_other_types_than_expected_still_gives_a_plan(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert plan_of(tmp_path, files).language is not None
