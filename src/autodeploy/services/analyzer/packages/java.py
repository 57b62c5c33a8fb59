"""Java, Kotlin, Groovy and Scala: Maven, Gradle and sbt, and the Java version."""

import re

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages import gradle, maven
from autodeploy.services.analyzer.packages.stated import Source, line, stated, tool
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Dependencies, Language
from autodeploy.services.analyzer.plan import Member

_SOURCES = ("src/main", "app/src/main", "*/src/main")


def _modern(source: Source) -> Source:
    """The version in today's words: Java 8 was called 1.8 (https://openjdk.org/jeps/223)."""

    def find(files: SourceFiles) -> tuple[str, str] | None:
        found = source(files)
        return (re.sub(r"^1[._](\d)", r"\1", found[0]), found[1]) if found else None

    return find


JAVA_VERSION: tuple[Source, ...] = tuple(
    _modern(source)
    for source in (
        line(".java-version"),
        stated(".sdkmanrc", r"^[ \t]*java[ \t]*=[ \t]*(\S+)"),
        stated("system.properties", r"^[ \t]*java\.runtime\.version[ \t]*=[ \t]*(\S+)"),
        line(".jdk-version"),
        tool("java"),
        maven.java_version,
        *gradle.JAVA_VERSION,
        stated("build.sbt", r"[\"']-release[\"'],[ \t]*[\"'](\d+)"),
        stated("META-INF/MANIFEST.MF", r"^Build-Jdk-Spec:[ \t]*(\S+)"),
    )
)


def _dependencies(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    maven.add_dependencies(files, found)
    gradle.add_dependencies(files, found)
    return found


def _members(files: SourceFiles) -> tuple[Member, ...]:
    return maven.modules(files) or gradle.projects(files)


def _spoken(files: SourceFiles) -> str | None:
    """Kotlin or Groovy, where the app's sources are in it and none in Java."""
    folders = {name for path in _SOURCES for name in _folders(files, path)}
    if "java" in folders:
        return None
    return next((name.capitalize() for name in ("kotlin", "groovy") if name in folders), None)


def _folders(files: SourceFiles, pattern: str) -> list[str]:
    above, _, rest = pattern.partition("*/")
    inner = [name for name, is_file in files.entries("").items() if not is_file]
    paths = [f"{name}/{rest}" for name in inner] if rest else [above]
    return [name for path in paths for name, is_file in files.entries(path).items() if not is_file]


JAVA = Language(
    slug="java",
    name="Java",
    tools=(
        BuildTool("maven", ("pom.xml", "pom.yml", "pom.groovy")),
        BuildTool("gradle", (*gradle.BUILDS, *gradle.SETTINGS), None, ("gradle.lockfile",)),
    ),
    sources=("*.java", "*.kt", "src/main/java/*/*.java", "*.jar", "META-INF/MANIFEST.MF"),
    versions=JAVA_VERSION,
    dependencies=_dependencies,
    members=_members,
    spoken=_spoken,
)

_SBT_DEPENDENCY = re.compile(
    r"\"(?P<group>[\w.-]+)\"[ \t]*%{1,3}[ \t]*\"(?P<artifact>[\w.-]+)\"[ \t]*%[ \t]*"
    r"(?:\"(?P<version>[^\"\n]+)\"|[\w.]+)(?P<test>[ \t]*%[ \t]*\"?[Tt]est)?"
)


def _sbt_dependencies(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    for path in (*files.glob("build.sbt"), *files.glob("project/*.sbt")):
        for match in _SBT_DEPENDENCY.finditer(files.code(path)):
            develop = path.startswith("project/") or bool(match["test"])
            name = f"{match['group']}:{match['artifact']}"
            found.add(name, match["version"], path, develop=develop)
    return found


SCALA = Language(
    slug="scala",
    name="Scala",
    tools=(BuildTool("sbt", ("build.sbt", "project/build.properties"), "sbt update"),),
    sources=("*.scala",),
    runtime="java",
    versions=JAVA_VERSION,
    dependencies=_sbt_dependencies,
)
