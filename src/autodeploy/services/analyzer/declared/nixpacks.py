"""``nixpacks.toml`` and ``.json`` (https://nixpacks.com/docs/configuration/file, 2026-11)."""

import re
from collections.abc import Mapping

from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.evidence import SourceFiles

_PHASES = ("setup", "install", "build")
_VERSION = re.compile(r"NIXPACKS_(NODE|PYTHON|GO|RUBY|JDK|PHP|RUST)_VERSION")
_LANGUAGES = {"jdk": "java"}
# Packages of Nix by language: nodejs_20, nodejs-18_x, python311, ruby_3_2, go_1_21, jdk17 …
_PACKAGE = re.compile(r"(nodejs|python|ruby|go|jdk|php)[_-]?(\d[\d_]*)")
_PACKAGES = {"nodejs": "node", "jdk": "java"}
_LACKS = {
    "aptPkgs": "system packages of apt",
    "nixLibs": "system packages of Nix",
}


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.NIXPACKS)
    return read(document) if document else None


def read(document: Document) -> Declared:
    """What a Nixpacks plan says; Railway's files may hold one too."""
    phases = document.part("phases")
    for name in phases.values:
        if name not in _PHASES:
            document.files.warn(
                f"{document.name}: phases.{name} is not run: AutoDeploy installs and builds."
            )
    phases.part("setup").lacks(_LACKS)
    variables = document.part("variables")
    return Declared(
        install=phases.part("install").command("cmds"),
        build=phases.part("build").command("cmds"),
        start=document.part("start").command("cmd"),
        runtimes={**_of_packages(phases), **_of_variables(variables)},
        variables=tuple(_variables(variables)),
    )


def _of_packages(phases: Document) -> Mapping[str, Said[str]]:
    found = {}
    for package in phases.elements("setup", "nixPkgs"):
        named = _PACKAGE.match(package) if isinstance(package, str) else None
        if named:
            version = named[2].strip("_")
            if "_" not in version and named[1] == "python":
                version = f"{version[0]}_{version[1:]}".strip("_")
            language = _PACKAGES.get(named[1], named[1])
            found[language] = phases.said(version.replace("_", "."), "setup", "nixPkgs")
    return found


def _of_variables(variables: Document) -> Mapping[str, Said[str]]:
    found = {}
    for key in variables.values:
        named = _VERSION.fullmatch(key)
        version = variables.text(key) if named else None
        if named and version:
            language = named[1].lower()
            found[_LANGUAGES.get(language, language)] = version
    return found


def _variables(variables: Document) -> list[SaidVariable]:
    found = [
        variables.variable(key, default=value)
        for key, value in variables.items()
        if not key.startswith("NIXPACKS_")
    ]
    return [one for one in found if one]
