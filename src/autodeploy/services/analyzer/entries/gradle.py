"""Gradle: the task that makes what is started, by the plugins that a project applies.

Sources: https://docs.gradle.org/current/userguide/application_plugin.html,
https://docs.spring.io/spring-boot/gradle-plugin/packaging.html,
https://quarkus.io/guides/gradle-tooling (read 2026-11).
"""

import re
import shlex

from autodeploy.services.analyzer.entries.base import Program
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import FrameworkRecord
from autodeploy.services.analyzer.packages.gradle import (
    plugins,
    project_folders,
    root_name,
    script_of,
)

_BOOT = "org.springframework.boot"
_INSTALLS = ("application", "io.micronaut.application", "io.ktor.plugin")
_VERSION = re.compile(r"(?m)^[ \t]*version[ \t]*=?[ \t]*[\"']([^\"'$]+)[\"']")
_RENAMED = re.compile(r"\b(archivesBaseName|archive(Base|File|)Name|baseName|archiveVersion)\b")
_SCRIPT_NAME = re.compile(r"\bapplicationName[ \t]*=[ \t]*[\"']([^\"'$]+)[\"']")


def program(files: SourceFiles, record: FrameworkRecord) -> Program:
    """The build of the project that is made to run, else of all, and its start."""
    command = "./gradlew" if files.has("gradlew") else "gradle"
    # A root without sources of its own may still name what its subprojects apply.
    folders = sorted(("", *project_folders(files)), key=lambda one: not _has_sources(files, one))
    for folder in folders:
        found = _project(files, folder, command, record) if script_of(files, folder) else None
        if found:
            return found
    return Program(f"{command} build -x test", None, "the Gradle build")


def _has_sources(files: SourceFiles, folder: str) -> bool:
    return bool(files.entries(f"{folder}/src/main" if folder else "src/main"))


def _project(
    files: SourceFiles, folder: str, command: str, record: FrameworkRecord
) -> Program | None:
    script, applied = script_of(files, folder), plugins(files, folder)
    code = files.code(script)
    built = f"{folder}/build" if folder else "build"
    task = f":{folder.replace('/', ':')}:" if folder else ""
    if "io.quarkus" in applied:
        start = f"java -jar {built}/quarkus-app/quarkus-run.jar"
        return Program(f"{command} {task}build -x test", start, f"{script} applies Quarkus")
    if _BOOT in applied or "spring-boot" in applied:
        return Program(
            f"{command} {task}{'bootWar' if 'war' in applied else _boot_task(applied, code)}",
            f"java -jar {built}/libs/{_archive(files, folder, code)}"
            f".{'war' if 'war' in applied else 'jar'}",
            f"{script} applies Spring Boot",
        )
    if any(plugin in applied for plugin in _INSTALLS):
        return _installed(files, folder, command, task, built)
    if "Main-Class" in code:
        start = f"java -jar {built}/libs/{_archive(files, folder, code)}.jar"
        return Program(f"{command} {task}build -x test", start, f"{script} names the main class")
    return None


def _boot_task(applied: dict[str, str | None], code: str) -> str:
    """Spring Boot 1 has no task of its own (it repackages in ``build``)."""
    is_first = (applied.get(_BOOT) or "").startswith("1.") or re.search(
        r"springBootVersion[ \t]*=[ \t]*[\"']1\.|spring-boot-gradle-plugin:1\.", code
    )
    return "build -x test" if is_first else "bootJar"


def _archive(files: SourceFiles, folder: str, code: str) -> str:
    """The archive's name without its ending: ``*``, being the only one, where it is not plain."""
    name = folder.rpartition("/")[2] or root_name(files)
    if name is None or _RENAMED.search(code) or not re.fullmatch(r"[\w.-]+", name):
        return "*"
    shared = files.text("gradle.properties") or "" if files.has("gradle.properties") else ""
    kept = re.search(r"(?m)^version[ \t]*=[ \t]*(\S+)", shared)
    version = _VERSION.search(code)
    number = version.group(1) if version else kept.group(1) if kept else None
    if number is None:
        return "*" if re.search(r"(?m)^[ \t]*version\b", code) or folder else name
    return f"{name}-{number}" if re.fullmatch(r"[\w.+-]+", number) else "*"


def _installed(files: SourceFiles, folder: str, command: str, task: str, built: str) -> Program:
    script = script_of(files, folder)
    named = _SCRIPT_NAME.search(files.code(script))
    project = folder.rpartition("/")[2] or root_name(files)
    reason = f"{script} applies a plugin that installs a start script"
    build = f"{command} {task}installDist"
    if project is None:
        return Program(build, f"{command} {task}run", reason)
    start = f"{built}/install/{project}/bin/{named.group(1) if named else project}"
    return Program(build, f"./{shlex.quote(start)}", reason)
