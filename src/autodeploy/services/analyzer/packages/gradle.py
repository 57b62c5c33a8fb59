"""Gradle: what the build scripts of a project and its subprojects say.

Build scripts are code; what is written plainly in them is read by pattern
(https://docs.gradle.org/current/userguide/declaring_dependencies.html, read 2026-11).
"""

import re

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.stated import Source, first, stated
from autodeploy.services.analyzer.packages.toolchain import Dependencies
from autodeploy.services.analyzer.plan import Member

BUILDS = ("build.gradle", "build.gradle.kts")
SETTINGS = ("settings.gradle", "settings.gradle.kts")
CATALOG = "gradle/libs.versions.toml"
MOST_PROJECTS = 50

_DEPENDENCY = re.compile(
    r"(?m)^[ \t]*(?P<kind>\w+)[ \t(]+(?:(?:enforcedP|p)latform[ (]+)?"
    r"[\"'](?P<name>[\w.-]+:[\w.-]+)(?::(?P<version>[^\"':@$]+))?[\"':@]"
)
_PLUGIN = re.compile(
    r"(?m)(?:\bid[ \t(]+[\"'](?P<id>[\w.-]+)[\"'][ \t)]*"
    r"(?:version[ \t(]+[\"'](?P<version>[^\"']+))?"
    r"|\bapply[ \t(]+plugin[ \t]*[:=][ \t]*[\"'](?P<applied>[\w.-]+)"
    r"|\bkotlin\([\"'](?P<kotlin>\w+)[\"']\)"
    r"|^[ \t]*`?(?P<core>application|java|war|groovy|scala)`?[ \t]*$)"
)
_INCLUDE = re.compile(r"(?m)^[ \t]*include[ \t(]+([^)\n]*(?:,[ \t]*\n[^)\n]*)*)")
_QUOTED = re.compile(r"[\"']([^\"'\s]+)[\"']")
_ALIAS = re.compile(r"\blibs\.([\w.]+)")

_COMPATIBILITY = r"(?:source|target)Compatibility\b[ \t=]*(?:\.set\([ \t]*)?(?:JavaVersion\.)?"
_PATTERNS = (
    r"JavaLanguageVersion\.of\([ \t]*[\"']?(\d+)",
    r"\bjvmToolchain\([ \t]*(\d+)",
    r"\boptions\.release(?:\.set\(|[ \t]*=)[ \t]*(\d+)",
    rf"{_COMPATIBILITY}(?:VERSION_|toVersion\()?[\"']?(\d+(?:[._]\d+)?)",
    r"\bjvmTarget\b[ \t]*(?:=|\.set\()[ \t]*(?:JvmTarget\.JVM_)?[\"']?(\d+(?:[._]\d+)?)",
)
JAVA_VERSION: tuple[Source, ...] = tuple(
    stated(path, pattern)
    for path in ("build.gradle*", "*/build.gradle*", "*/*/build.gradle*")
    for pattern in _PATTERNS
)


def script_of(files: SourceFiles, folder: str, names: tuple[str, ...] = BUILDS) -> str:
    """The path of a folder's build script, or ''."""
    paths = (f"{folder}/{name}" if folder else name for name in names)
    return next((path for path in paths if files.has(path)), "")


def project_folders(files: SourceFiles) -> list[str]:
    """The folders of the subprojects that the settings include."""
    settings = script_of(files, "", SETTINGS)
    found: dict[str, None] = {}
    for included in _INCLUDE.findall(files.code(settings)) if settings else ():
        for path in _QUOTED.findall(included):
            folder = path.strip(":").replace(":", "/")
            if folder and ".." not in folder and script_of(files, folder):
                found[folder] = None
    return list(found)[:MOST_PROJECTS]


def root_name(files: SourceFiles) -> str | None:
    """The root project's name; None when it is that of the folder which it is cloned to."""
    found = first(
        files, (stated("settings.gradle*", r"\brootProject\.name[ \t]*=[ \t]*[\"']([^\"']+)"),)
    )
    return found[0] if found else files.root.rpartition("/")[2] or None


def plugins(files: SourceFiles, folder: str) -> dict[str, str | None]:
    """The plugins that a project names, each with its version."""
    code = files.code(script_of(files, folder))
    found: dict[str, str | None] = {}
    for match in _PLUGIN.finditer(code):
        kotlin = f"org.jetbrains.kotlin.{match['kotlin']}" if match["kotlin"] else None
        name = match["id"] or match["applied"] or kotlin or match["core"]
        found[name] = match["version"]
    catalog = table(files.toml(CATALOG), "plugins")
    aliases = set(_ALIAS.findall(code))
    for alias, entry in catalog.items():
        name = _name(entry, "id")
        if name and f"plugins.{_dotted(alias)}" in aliases:
            found[name] = _version(files, entry)
    return found


def add_dependencies(files: SourceFiles, found: Dependencies) -> None:
    """Dependencies as ``group:artifact`` and plugins by their ids."""
    for folder in ("", *project_folders(files)):
        path = script_of(files, folder)
        code = files.code(path) if path else ""
        for match in _DEPENDENCY.finditer(code):
            develop = match["kind"].startswith(("test", "androidTest", "classpath"))
            found.add(match["name"], match["version"], path, develop=develop)
        aliases = set(_ALIAS.findall(code))
        for alias, entry in table(files.toml(CATALOG), "libraries").items():
            name = _name(entry, "module")
            if name and _dotted(alias) in aliases:
                found.add(name, _version(files, entry), path)
        for name, version in plugins(files, folder).items() if path else ():
            found.add(name, version, path, develop=True)


def _dotted(alias: str) -> str:
    return re.sub(r"[-_]", ".", alias)


def _name(entry: object, key: str) -> str | None:
    """What a line of the version catalog stands for
    (https://docs.gradle.org/current/userguide/version_catalogs.html)."""
    if not isinstance(entry, dict):
        text = words(entry) or ""
        return ":".join(text.split(":")[: 2 if key == "module" else 1]) or None
    group, artifact = words(entry.get("group")), words(entry.get("name"))
    return words(entry.get(key)) or (f"{group}:{artifact}" if group and artifact else None)


def _version(files: SourceFiles, entry: object) -> str | None:
    if not isinstance(entry, dict):
        return (words(entry) or "").rpartition(":")[2] or None
    asked = entry.get("version")
    if not isinstance(asked, dict):
        return words(asked)
    return words(table(files.toml(CATALOG), "versions").get(words(asked.get("ref")) or ""))


def projects(files: SourceFiles) -> tuple[Member, ...]:
    return tuple(
        Member(path=files.at(folder), name=folder.rpartition("/")[2], language="java")
        for folder in project_folders(files)
    )
