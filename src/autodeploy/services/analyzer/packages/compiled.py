"""Languages with one build tool or two, whose manifests say little that is needed."""

import re

from autodeploy.services.analyzer.evidence import SourceFiles, words
from autodeploy.services.analyzer.packages.stated import line, stated, tool
from autodeploy.services.analyzer.packages.toolchain import (
    BuildTool,
    Dependencies,
    Language,
    by_pattern,
)

_SECTION = re.compile(r"^(\w+):")
_ENTRY = re.compile(r"^(?:  |- |  - )([A-Za-z_][\w-]*)(?:$|[ \t]|:(.*))")
_VERSION = re.compile(r"[\^~<>=]*[ \t]*\d")
_TOOLS_VERSION = re.compile(r"(?m)\A//[ \t]*swift-tools-version:[ \t]*([\d.]+)")


def _listed(files: SourceFiles, path: str) -> Dependencies:
    """What a YAML manifest lists below ``dependencies`` and ``dev(elopment)_dependencies``."""
    found, section = Dependencies.none(), ""
    for text in files.code(path).splitlines():
        heading, entry = _SECTION.match(text), _ENTRY.match(text)
        section = heading.group(1) if heading else section
        if entry and section.endswith("dependencies"):
            asked = (entry.group(2) or "").strip(" \t\"'")
            version = asked if _VERSION.match(asked) else None
            found.add(entry.group(1), version, path, develop=section.startswith("dev"))
    return found


def _gleam(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    for key, names in files.toml("gleam.toml").items():
        if key.endswith("dependencies") and isinstance(names, dict):
            for name, version in names.items():
                found.add(name, words(version), "gleam.toml", develop=key.startswith("dev"))
    return found


def _swift_tools(files: SourceFiles) -> tuple[str, str] | None:
    """The version that the manifest is written for: the first line, a comment that counts."""
    path = "Package.swift"
    found = _TOOLS_VERSION.search(files.text(path) or "") if files.has(path) else None
    return (found.group(1), path) if found else None


LANGUAGES = (
    Language(
        slug="swift",
        name="Swift",
        tools=(
            BuildTool(
                "swiftpm", ("Package.swift",), "swift package resolve", ("Package.resolved",)
            ),
        ),
        sources=("main.swift",),
        versions=(line(".swift-version"), tool("swift"), _swift_tools),
        dependencies=by_pattern(
            {
                "Package.swift": r"\.package\([ \t\n]*"
                r"(?:name:[ \t\n]*\"[^\"\n]*\"[ \t\n]*,[ \t\n]*)?"
                r"url:[ \t\n]*\"[^()\"]*/(?P<name>[\w-]+)(?:\.git)?\""
                r"(?:[ \t\n]*,(?:[^()\"]*\.\w+\()?[^()\"]*\"(?P<version>\d[\w.-]*)\")?"
            }
        ),
    ),
    Language(
        slug="dart",
        name="Dart",
        tools=(BuildTool("pub", ("pubspec.yaml",), "dart pub get", ("pubspec.lock",)),),
        sources=("*.dart", "bin/*.dart"),
        versions=(
            line(".dart-version"),
            tool("dart", "flutter"),
            stated("pubspec.yaml", r"^[ \t]+sdk:[ \t]*[\"']?([\^<>=\d][^\"'\n]*)"),
        ),
        dependencies=lambda files: _listed(files, "pubspec.yaml"),
    ),
    Language(
        slug="gleam",
        name="Gleam",
        tools=(BuildTool("gleam", ("gleam.toml",), "gleam deps download", ("manifest.toml",)),),
        sources=("src/*.gleam",),
        versions=(
            line(".gleam-version"),
            tool("gleam"),
            stated("gleam.toml", r"^gleam[ \t]*=[ \t]*\"([^\"\n]+)\""),
        ),
        dependencies=_gleam,
    ),
    Language(
        slug="crystal",
        name="Crystal",
        tools=(BuildTool("shards", ("shard.yml",), "shards install", ("shard.lock",)),),
        sources=("*.cr", "src/*.cr"),
        versions=(
            line(".crystal-version"),
            tool("crystal"),
            stated("shard.yml", r"^crystal:[ \t]*[\"']?([^\"'\n]+)"),
        ),
        dependencies=lambda files: _listed(files, "shard.yml"),
    ),
    Language(
        slug="zig",
        name="Zig",
        tools=(BuildTool("zig", ("build.zig",), None, ("build.zig.zon",)),),
        sources=("*.zig", "src/*.zig"),
        versions=(
            line(".zigversion"),
            line(".zig-version"),
            tool("zig"),
            stated("build.zig.zon", r"\.minimum_zig_version[ \t]*=[ \t]*\"([^\"\n]+)\""),
        ),
    ),
    Language(
        slug="haskell",
        name="Haskell",
        tools=(
            BuildTool("stack", ("stack.yaml",), "stack build --only-dependencies",
                      ("stack.yaml.lock", "package.yaml", "*.cabal")),
            BuildTool("cabal", ("*.cabal", "cabal.project", "package.yaml"),
                      "cabal build --only-dependencies", ("cabal.project.freeze",)),
        ),
        sources=("*.hs", "app/*.hs"),
        versions=(
            tool("ghc", "haskell"),
            stated("cabal.project", r"^with-compiler:[ \t]*ghc-(\S+)"),
            stated("stack.yaml", r"^(?:resolver|snapshot|compiler):[ \t]*ghc-(\S+)"),
        ),
        dependencies=lambda files: _listed(files, "package.yaml"),
    ),
    Language(
        slug="cpp",
        name="C++",
        tools=(
            BuildTool("cmake", ("CMakeLists.txt",)),
            BuildTool("meson", ("meson.build",)),
            BuildTool("make", ("Makefile", "makefile", "GNUmakefile")),
        ),
        sources=("*.cpp", "*.cc", "*.cxx", "*.c", "src/*.cpp", "src/*.cc", "src/*.c"),
    ),
    Language(
        slug="cobol", name="COBOL", tools=(),
        sources=("*.cbl", "*.cob", "src/*.cbl", "src/*.cob"),
    ),
    Language(slug="scheme", name="Scheme", tools=(), sources=("*.scm", "src/*.scm")),
)  # fmt: skip
