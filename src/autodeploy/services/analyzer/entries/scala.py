"""Scala with sbt: staged by its packager, else assembled, else run by sbt.

Sources: https://sbt-native-packager.readthedocs.io/en/stable/archetypes/java_app/,
https://github.com/sbt/sbt-assembly (read 2026-11).
"""

import re

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.stated import first, stated

_NAME = (
    stated("build.sbt", r"\bexecutableScriptName[ \t]*:=[ \t]*\"([^\"]+)"),
    stated("build.sbt", r"(?:^|[\s(,.])name[ \t]*:=[ \t]*\"{1,3}([^\"]+)"),
    stated("build.sbt", r"^lazy val (\w+)[ \t]*=[ \t(]*project\b"),
)
_STAGES = re.compile(r"JavaAppPackaging|PlayScala|PlayJava|packageArchetype|JavaServerAppPackaging")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a Scala app."""
    return program_run(packages, record, _program(files, packages))


def _program(files: SourceFiles, packages: Packages) -> Program | None:
    if packages.manager != "sbt":
        return None
    named = first(files, _NAME)
    plugins = {name.rpartition(":")[2] for name in packages.development}
    if _STAGES.search(files.code("build.sbt")) or plugins & {"sbt-native-packager", "sbt-plugin"}:
        script = f"./target/universal/stage/bin/{_normal(named[0])}" if named else "sbt run"
        return Program("sbt stage", script, "build.sbt is packaged with a start script")
    if "sbt-assembly" in plugins:
        jar = "java -jar \"$(find target -name '*-assembly-*.jar')\""
        return Program("sbt assembly", jar, "project/ names sbt-assembly")
    return Program("sbt compile", "sbt run", "build.sbt names no packager")


def _normal(name: str) -> str:
    """sbt's ``normalizedName``."""
    return re.sub(r"\W+", "-", name.strip().lower())
