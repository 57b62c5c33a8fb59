"""The languages that AutoDeploy plans for: one entry each.

An ecosystem reads its manifests into ``Packages`` and turns the framework that won into a ``Run``.
To add a language, write ``packages/<language>.py`` (what its manifests say),
``entries/<language>.py`` (how its apps are built and started), records in
``frameworks/<language>.py``, and name them here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autodeploy.services.analyzer.entries import (
    clojure,
    compiled,
    deno,
    dotnet,
    elixir,
    go,
    java,
    javascript,
    php,
    python,
    ruby,
    rust,
    scala,
    shell,
    static,
)
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.frameworks import FRAMEWORKS
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages import clojure as clojure_packages
from autodeploy.services.analyzer.packages import compiled as compiled_packages
from autodeploy.services.analyzer.packages import deno as deno_packages
from autodeploy.services.analyzer.packages import dotnet as dotnet_packages
from autodeploy.services.analyzer.packages import elixir as elixir_packages
from autodeploy.services.analyzer.packages import go as go_packages
from autodeploy.services.analyzer.packages import java as java_packages
from autodeploy.services.analyzer.packages import javascript as javascript_packages
from autodeploy.services.analyzer.packages import php as php_packages
from autodeploy.services.analyzer.packages import python as python_packages
from autodeploy.services.analyzer.packages import ruby as ruby_packages
from autodeploy.services.analyzer.packages import rust as rust_packages
from autodeploy.services.analyzer.packages import sites as sites_packages
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.toolchain import Language

Runner = Callable[[SourceFiles, Packages, FrameworkRecord, Context], Run]


@dataclass(frozen=True)
class Ecosystem:
    """One language: its canonical slug, how a person says it, and its two functions.

    ``read`` gives None when no manifest of the language is there, and with ``is_read_first``
    also no code: none of its frameworks is looked for then. ``run`` gets the record of the
    framework, or of the bare language, that won.
    """

    language: str
    name: str
    read: Callable[[SourceFiles], Packages | None]
    run: Runner
    is_read_first: bool = False


def _ecosystem(language: Language, run: Runner) -> Ecosystem:
    return Ecosystem(language.slug, language.name, language.read, run, is_read_first=True)


ECOSYSTEMS: Mapping[str, Ecosystem] = {
    one.language: one
    for one in (
        Ecosystem("node", "JavaScript", javascript_packages.read, javascript.run),
        Ecosystem("python", "Python", python_packages.read, python.run),
        _ecosystem(go_packages.LANGUAGE, go.run),
        _ecosystem(rust_packages.LANGUAGE, rust.run),
        _ecosystem(java_packages.JAVA, java.run),
        _ecosystem(java_packages.SCALA, scala.run),
        _ecosystem(clojure_packages.LANGUAGE, clojure.run),
        _ecosystem(dotnet_packages.LANGUAGE, dotnet.run),
        _ecosystem(elixir_packages.LANGUAGE, elixir.run),
        *(_ecosystem(language, compiled.run) for language in compiled_packages.LANGUAGES),
        Ecosystem("ruby", "Ruby", ruby_packages.read, ruby.run),
        Ecosystem("php", "PHP", php_packages.read, php.run),
        Ecosystem("deno", "TypeScript", deno_packages.read, deno.run),
        Ecosystem("shell", "Shell", lambda _: None, shell.run),
        Ecosystem("static", "HTML", sites_packages.read, static.run),
    )
}


def read_packages(files: SourceFiles) -> dict[str, Packages]:
    """What the manifests of each language say, by language; without those that have none."""
    found = {language: one.read(files) for language, one in ECOSYSTEMS.items()}
    return {language: packages for language, packages in found.items() if packages}


def possible_records(found: Mapping[str, Packages]) -> list[FrameworkRecord]:
    """The records that may match, given the languages that ``read_packages`` found."""
    return [
        record
        for record in FRAMEWORKS.values()
        if record.language in found or not ECOSYSTEMS[record.language].is_read_first
    ]
