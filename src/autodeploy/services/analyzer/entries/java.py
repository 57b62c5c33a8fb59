"""Java and Kotlin: which archive or script the build makes, and how it is started."""

import re
import shlex

from autodeploy.services.analyzer.entries import gradle, maven
from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages

_MAIN_CLASS = re.compile(r"(?m)^Main-Class:[ \t]*([\w.$]+)")
_MAIN = re.compile(r"\bvoid main\s*\(")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run a Java app: by its build tool, else what is built already."""
    if packages.manager == "maven":
        program: Program | None = maven.program(files, record)
    elif packages.manager == "gradle":
        program = gradle.program(files, record)
    else:
        program = _built(files) or _lone_source(files)
    return program_run(packages, record, program)


def _built(files: SourceFiles) -> Program | None:
    """An archive that lies there, or was unpacked there."""
    manifest = "META-INF/MANIFEST.MF"
    found = _MAIN_CLASS.search(files.text(manifest) or "") if files.has(manifest) else None
    if found:
        return Program(None, f"java -cp . {found.group(1)}", f"{manifest} names the main class")
    archives = files.glob("*.jar")
    if len(archives) != 1:
        return None
    return Program(None, f"java -jar {shlex.quote(archives[0])}", f"{archives[0]} is built already")


def _lone_source(files: SourceFiles) -> Program | None:
    """A single source, which ``java`` itself runs (https://openjdk.org/jeps/330)."""
    sources = [path for path in files.glob("*.java") if _MAIN.search(files.text(path) or "")]
    if len(sources) != 1:
        return None
    return Program(None, f"java {shlex.quote(sources[0])}", f"{sources[0]} is the only source")
