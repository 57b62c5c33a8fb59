"""Maven: the archive that a build makes, by the plugins that make it one that runs.

Sources: https://maven.apache.org/plugins/maven-jar-plugin/,
https://docs.spring.io/spring-boot/maven-plugin/packaging.html,
https://quarkus.io/guides/maven-tooling (read 2026-11).
"""

import shlex

from autodeploy.services.analyzer.entries.base import Program
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import FrameworkRecord
from autodeploy.services.analyzer.packages.maven import Pom, module_folders

# Plugins that put what the archive needs into it, or beside it.
_WHOLE = ("spring-boot-maven-plugin", "maven-shade-plugin", "micronaut-maven-plugin")


def program(files: SourceFiles, record: FrameworkRecord) -> Program:
    """The build of the whole project, and the start of the module that is made to run."""
    command = "./mvnw" if files.has("mvnw") else "mvn"
    build = f"{command} -B package -DskipTests"
    for folder in ("", *module_folders(files)):
        pom = Pom(files, folder)
        start = _start(pom, command, record)
        if start:
            made = "makes what is started" if "exec:java" not in start else "names the main class"
            return Program(build, start, f"{folder + '/' if folder else ''}pom.xml {made}")
    return Program(build, None, "pom.xml")


def _start(pom: Pom, command: str, record: FrameworkRecord) -> str | None:
    packaging = pom.value("packaging") or "jar"
    boots = pom.plugin("spring-boot-maven-plugin") is not None
    if packaging == "pom" or (packaging not in ("jar", "quarkus") and not boots):
        return None  # an archive that is deployed into a server
    target = f"{pom.folder}/target" if pom.folder else "target"
    if record.slug == "quarkus":
        return _quarkus(pom, target)
    if any(pom.plugin(artifact) is not None for artifact in _WHOLE):
        return f"java -jar {shlex.quote(f'{target}/{_archive(pom)}.{packaging}')}"
    if pom.plugin("maven-assembly-plugin") is not None:
        return f"java -jar {shlex.quote(f'{target}/{_archive(pom)}-jar-with-dependencies.jar')}"
    jar = pom.plugin("maven-jar-plugin")
    if jar is not None and next(jar.iter("mainClass"), None) is not None:
        return f"java -jar {shlex.quote(f'{target}/{_archive(pom)}.jar')}"
    if pom.plugin("exec-maven-plugin") is not None or pom.property("exec.mainClass"):
        return f"{command} exec:java"
    return None


def _quarkus(pom: Pom, target: str) -> str | None:
    plugin = next((one for one in pom.plugins() if "quarkus" in (one.findtext("artifactId") or "")),
                  None)  # fmt: skip
    if plugin is None:
        return None
    version = pom.value("version", plugin) or ""
    if version.startswith("0.") or version.split(".")[:2] in (["1", str(n)] for n in range(12)):
        return f"java -jar {shlex.quote(f'{target}/{_archive(pom)}-runner.jar')}"
    return f"java -jar {target}/quarkus-app/quarkus-run.jar"


def _archive(pom: Pom) -> str:
    """The archive's name without its ending."""
    named = pom.project.findtext("build/finalName")
    if named:
        return pom.resolve(named) or "*"
    artifact = pom.value("artifactId")
    version = pom.value("version") or pom.value("parent/version")
    return f"{artifact}-{version}" if artifact and version else "*"
