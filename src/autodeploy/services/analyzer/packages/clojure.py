"""Clojure: Leiningen's project and the Clojure tools' ``deps.edn``."""

from autodeploy.services.analyzer.packages.java import JAVA_VERSION
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Language, by_pattern

LANGUAGE = Language(
    slug="clojure",
    name="Clojure",
    tools=(
        BuildTool("leiningen", ("project.clj",), "lein deps"),
        BuildTool("clojure-cli", ("deps.edn",), "clojure -P"),
    ),
    sources=("*.clj",),
    runtime="java",
    versions=JAVA_VERSION,
    dependencies=by_pattern(
        {
            "project.clj": r"\[(?P<name>[\w./-]+)[ \t]+\"(?P<version>[^\"\n]+)\"",
            "deps.edn": r"(?<![\w.-])(?P<name>[\w.-]+/[\w.-]+)"
            r"[ \t\n]*\{[ \t\n]*:(?:mvn/version|git/tag)"
            r"[ \t]+\"(?P<version>[^\"\n]+)\"",
        }
    ),
)
