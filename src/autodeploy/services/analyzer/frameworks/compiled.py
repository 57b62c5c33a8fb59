"""Frameworks of Swift, and the languages of ``packages/compiled.py`` themselves."""

from autodeploy.services.analyzer.frameworks.front_ends import FRONT_ENDS
from autodeploy.services.analyzer.frameworks.manifests import MANIFESTS
from autodeploy.services.analyzer.matcher import Content, Dependency, File, FrameworkRecord, Way
from autodeploy.services.analyzer.plan import AppKind


def _language(
    slug: str, name: str, source: str, *ways: Way, kind: AppKind = AppKind.SERVER
) -> FrameworkRecord:
    return FrameworkRecord(
        slug=slug, name=name, language=slug, kind=kind, source=source, generic=True, ways=ways,
        port=8080,
    )  # fmt: skip


def _files(confidence: float, *paths: str) -> tuple[Way, ...]:
    return tuple(Way(confidence, (File(path),)) for path in paths)


RECORDS = (
    FrameworkRecord(
        slug="vapor",
        name="Vapor",
        language="swift",
        kind=AppKind.SERVER,
        source="https://docs.vapor.codes/deploy/docker/",
        package="vapor",
        ways=(Way(0.98, (Dependency("vapor"),)),),
        supersedes=FRONT_ENDS | {"swift"},
        start_command="{program} serve --env production --hostname 0.0.0.0 --port $PORT",
        port=8080,
    ),
    _language("swift", "Swift", "https://www.swift.org/documentation/server/guides/building.html",
              *_files(0.88, "Package.swift"), *_files(0.7, "main.swift")),
    _language("dart", "Dart", "https://dart.dev/server",
              *_files(0.9, "pubspec.yaml"), *_files(0.7, "bin/*.dart", "main.dart")),
    _language("gleam", "Gleam", "https://gleam.run/deployment/",
              *_files(0.92, "gleam.toml"), *_files(0.6, "src/*.gleam")),
    _language("crystal", "Crystal", "https://crystal-lang.org/reference/latest/man/shards/",
              *_files(0.92, "shard.yml"), *_files(0.65, "*.cr", "src/*.cr")),
    _language("zig", "Zig", "https://ziglang.org/learn/build-system/",
              *_files(0.9, "build.zig"), *_files(0.65, "*.zig")),
    _language("haskell", "Haskell", "https://docs.haskellstack.org/en/stable/",
              *_files(0.92, "stack.yaml"), *_files(0.9, "*.cabal", "cabal.project"),
              *_files(0.6, "*.hs", "app/*.hs")),
    # Extensions of other languages are built with these too: alone they say less.
    _language("cpp", "C++", "https://cmake.org/cmake/help/latest/manual/cmake.1.html",
              Way(0.85, (Content("CMakeLists.txt", r"(?i)\badd_executable\b"),)),
              Way(0.85, (Content("meson.build", r"\bexecutable\("),)),
              *_files(0.62, "CMakeLists.txt", "meson.build"),
              Way(0.7, (File("Makefile"), File("*.c"))),
              Way(0.7, (File("Makefile"), File("*.cpp"))),
              Way(0.62, (File("Makefile"), File("src/*.c"))),
              Way(0.62, (File("Makefile"), File("src/*.cpp"))),
              *(Way(0.6, (File(path),), unless=MANIFESTS) for path in
                ("main.cpp", "main.cc", "main.c", "*.cpp", "*.cc", "*.c"))),
    _language("cobol", "COBOL", "https://gnucobol.sourceforge.io/guides.html",
              *_files(0.85, "index.cbl", "main.cbl"),
              *_files(0.75, "*.cbl", "*.cob", "src/*.cbl", "src/*.cob"), kind=AppKind.WORKER),
    _language("scheme", "Scheme", "https://www.gnu.org/software/guile/manual/",
              *_files(0.75, "main.scm", "init.scm", "server.scm"),
              *_files(0.6, "*.scm", "src/*.scm")),
)  # fmt: skip
