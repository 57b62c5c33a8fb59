"""Clojure: the archive that Leiningen or tools.build makes.

Sources: https://github.com/technomancy/leiningen/blob/stable/doc/DEPLOY.md,
https://clojure.org/guides/tools_build (read 2026-11).
"""

import re

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages

_PROJECT = re.compile(r"\(defproject[ \t\n]+(?:[\w.-]+/)?([\w.-]+)[ \t\n]+\"([^\"\n]+)\"")
_JAR_NAME = re.compile(r":uberjar-name[ \t]+\"([^\"\n%]+)\"")
_TARGET = re.compile(r":target-path[ \t]+\"([^\"\n]+)\"")
_UBER = re.compile(r"\(defn[ \t]+(uber(?:jar)?)\b")
# The build of scripts that are for users, by the names that templates give it.
_SCRIPT = re.compile(
    r":(?:id[ \t]+\")?(min|prod|production|release)(?:\"|[ \t\n]+\{[ \t\n]*:source-paths)"
)
# Options of the compiler to JavaScript, which has a ``:main`` too.
_COMPILER = re.compile(r":compiler[ \t\n]*\{[^{}]*")
_RUN_ALIAS = re.compile(r":(run|run-m|main|start|server)[ \t\n]+\{[^{}]*:main-opts")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a Clojure app."""
    if packages.manager == "leiningen":
        program: Program | None = _leiningen(files, packages)
    else:
        program = _tools(files) if packages.manager else None
    return program_run(packages, record, program)


def _leiningen(files: SourceFiles, packages: Packages) -> Program:
    code = files.code("project.clj")
    # A plugin's name holds that it is one: `[lein-ring "0.12.5"]`.
    task = "lein ring uberjar" if "lein-ring" in packages.production else "lein uberjar"
    if ":main" not in _COMPILER.sub("", code) and task == "lein uberjar":
        script = _SCRIPT.search(code) if ":cljsbuild" in code else None
        if script:
            return Program(f"lein cljsbuild once {script.group(1)}", None, "project.clj: cljsbuild")
        return Program(task, None, "project.clj")
    return Program(task, f"java -jar {_jar(code)}", f"project.clj: {task}")


def _jar(code: str) -> str:
    target = _TARGET.search(code)
    # `%s` stands for the profile.
    folder = target.group(1).strip("/").replace("%s", "uberjar") if target else "target"
    named, project = _JAR_NAME.search(code), _PROJECT.search(code)
    if named:
        return f"{folder}/{named.group(1)}"
    if project:
        return f"{folder}/{project.group(1)}-{project.group(2)}-standalone.jar"
    return f"{folder}/*-standalone.jar"


def _tools(files: SourceFiles) -> Program | None:
    uber = _UBER.search(files.code("build.clj"))
    if uber:
        build = f"clojure -T:build {uber.group(1)}"
        return Program(build, 'java -jar "$(ls target/*.jar)"', f"build.clj has {uber.group(1)}")
    alias = _RUN_ALIAS.search(files.code("deps.edn"))
    if alias:
        return Program(None, f"clojure -M:{alias.group(1)}", f"deps.edn: alias {alias.group(1)}")
    return None
