"""Maven: what the poms of a project and of its modules say.

Model by https://maven.apache.org/pom.html (read 2026-11). Profiles are left out: which of them
are active is not known here.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.toolchain import Dependencies
from autodeploy.services.analyzer.plan import Member
from autodeploy.services.analyzer.tree import normal_path

MOST_MODULES = 50
_REFERENCE = re.compile(r"\$\{([\w.-]+)\}")
_LONGEST_VALUE = 200

# Properties that name the Java version, the one that counts first
# (https://maven.apache.org/plugins/maven-compiler-plugin/, Spring Boot's parent, Kotlin's plugin).
_VERSION_PROPERTIES = (
    "maven.compiler.release", "java.version", "maven.compiler.target", "maven.compiler.source",
    "kotlin.compiler.jvmTarget", "release.version", "jdk.version",
)  # fmt: skip


def pom_path(folder: str) -> str:
    return f"{folder}/pom.xml" if folder else "pom.xml"


def module_folders(files: SourceFiles) -> list[str]:
    """The folders of the modules, and of theirs, outer ones first."""
    found, pending = dict.fromkeys(("",)), [""]
    for folder in pending:
        for module in files.xml(pom_path(folder)).findall("modules/module"):
            name = normal_path(f"{folder}/{(module.text or '').strip()}".strip("/"))
            is_new = name and name not in found and len(found) <= MOST_MODULES
            if name and is_new and files.has(pom_path(name)):
                found[name] = None
                pending.append(name)
    return list(found)[1:]


class Pom:
    """One pom, its values with properties put in."""

    def __init__(self, files: SourceFiles, folder: str = ""):
        self.folder = folder
        self.project: Element = files.xml(pom_path(folder))
        above = files.xml("pom.xml") if folder else Element("none")
        self._properties = {**_properties(above), **_properties(self.project)}

    def value(self, path: str, element: Element | None = None) -> str | None:
        """The text at a path below the project or an element; None when it cannot be known."""
        text = (element if element is not None else self.project).findtext(path)
        return self.resolve(text)

    def resolve(self, text: str | None) -> str | None:
        for _ in range(5):
            if text is None or "${" not in text or len(text) > _LONGEST_VALUE:
                break
            text = _REFERENCE.sub(lambda m: self._properties.get(m[1], m[0]), text)
        return text.strip() if text and text.strip() and "${" not in text else None

    def property(self, *names: str) -> str | None:
        return next(
            (found for name in names if (found := self.resolve(self._properties.get(name)))), None
        )

    def plugins(self) -> Iterator[Element]:
        yield from self.project.findall("build/plugins/plugin")
        yield from self.project.findall("build/pluginManagement/plugins/plugin")

    def plugin(self, artifact: str) -> Element | None:
        """The plugin that the build uses: one that is only managed is not, but for Maven's own."""
        own = artifact in ("maven-jar-plugin", "maven-compiler-plugin")
        used = self.plugins() if own else self.project.findall("build/plugins/plugin")
        return next((one for one in used if one.findtext("artifactId") == artifact), None)


def _properties(project: Element) -> dict[str, str]:
    found = {one.tag: (one.text or "").strip() for one in project.findall("properties/*")}
    for key in ("groupId", "artifactId", "version"):
        value = project.findtext(key) or project.findtext(f"parent/{key}")
        if value:
            found[f"project.{key}"] = found[f"pom.{key}"] = value.strip()
    return {name: value for name, value in found.items() if len(value) <= _LONGEST_VALUE}


def add_dependencies(files: SourceFiles, found: Dependencies) -> None:
    """Dependencies, the parent, imported bills of materials and plugins, as ``group:artifact``."""
    for folder in ("", *module_folders(files)):
        pom, path = Pom(files, folder), pom_path(folder)
        for one in pom.project.findall("dependencies/dependency"):
            _add(pom, one, found, path, one.findtext("scope") == "test")
        for one in (*pom.project.findall("parent"), *pom.plugins()):
            _add(pom, one, found, path, True)
        for one in pom.project.findall("dependencyManagement/dependencies/dependency"):
            if one.findtext("scope") == "import":
                _add(pom, one, found, path, True)


def _add(pom: Pom, element: Element, found: Dependencies, path: str, develop: bool) -> None:
    group = pom.value("groupId", element) or "org.apache.maven.plugins"
    artifact = pom.value("artifactId", element)
    if artifact:
        version = pom.value("version", element)
        found.add(f"{group}:{artifact}", version, path, develop=develop)


def java_version(files: SourceFiles) -> tuple[str, str] | None:
    """The version that the poms build for."""
    for folder in ("", *module_folders(files)):
        pom = Pom(files, folder)
        plugin = pom.plugin("maven-compiler-plugin")
        configured = [
            value
            for key in ("release", "target", "source")
            if plugin is not None and (value := pom.value(f"configuration/{key}", plugin))
        ]
        version = pom.property(*_VERSION_PROPERTIES) or next(iter(configured), None)
        if version:
            return version, pom_path(folder)
    return None


def modules(files: SourceFiles) -> tuple[Member, ...]:
    return tuple(
        Member(path=files.at(folder), name=Pom(files, folder).value("artifactId"), language="java")
        for folder in module_folders(files)
    )
