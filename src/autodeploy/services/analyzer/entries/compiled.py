"""How the build tools of ``packages/compiled.py`` make a program, and where they put it: data."""

import shlex
from dataclasses import dataclass

from autodeploy.services.analyzer.entries.base import Program, Run, program_run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.stated import Source, first, present, stated
from autodeploy.services.analyzer.plan import AppKind, Command


@dataclass(frozen=True)
class Recipe:
    """How a tool makes a program: its lines with ``{name}``, and where the name is stated.

    ``{name}`` may be a path without ending. Where no name is stated, the program is made
    ``otherwise``, if that states one; and where ``build`` holds none, all is built and nothing
    started: it is a library.
    """

    build: str | None
    start: str | None
    names: tuple[Source, ...]
    source: str
    otherwise: "Recipe | None" = None


def _swift_main(files: SourceFiles) -> tuple[str, str] | None:
    """The target with the file that Swift starts; older manifests do not mark it otherwise."""
    for path in files.glob("Sources/*/main.swift"):
        return path.split("/")[1], path
    return None


def _crystal_main(files: SourceFiles) -> tuple[str, str] | None:
    """The file called like the shard, else the only one beside its manifest."""
    named = first(files, (stated("shard.yml", r"^name:[ \t]*[\"']?([\w.-]+)"),))
    own = f"src/{named[0]}.cr" if named else ""
    paths = [own] if own and files.has(own) else files.glob("*.cr")
    return (paths[0].removesuffix(".cr"), paths[0]) if len(paths) == 1 else None


# Language and package manager → recipe.
RECIPES = {
    ("swift", "swiftpm"): Recipe(
        "swift build -c release --static-swift-stdlib",
        "./.build/release/{name}",
        (
            stated("Package.swift", r"\.executable\([ \t\n]*name:[ \t\n]*\"([\w.-]+)\""),
            stated("Package.swift", r"\.executableTarget\([ \t\n]*name:[ \t\n]*\"([\w.-]+)\""),
            _swift_main,
        ),
        "https://www.swift.org/documentation/server/guides/building.html",
    ),
    ("dart", "pub"): Recipe(
        "dart compile exe {name}.dart",
        "./{name}.exe",
        (present("bin/server.dart", "bin/main.dart", "bin/*.dart"),),
        "https://dart.dev/tools/dart-compile",
    ),
    ("gleam", "gleam"): Recipe(
        "gleam export erlang-shipment",
        "./build/erlang-shipment/entrypoint.sh run",
        (stated("gleam.toml", r"^name[ \t]*=[ \t]*\"([\w.-]+)\""),),
        "https://gleam.run/deployment/linux-server/",
    ),
    ("crystal", "shards"): Recipe(
        "shards build --release",
        "./bin/{name}",
        (stated("shard.yml", r"^targets:[ \t]*\n(?:[ \t]*\n)*[ \t]+[\"']?([\w.-]+)[\"']?:"),),
        "https://crystal-lang.org/reference/latest/man/shards/",
        otherwise=Recipe(
            "crystal build --release -o app {name}.cr",
            "./app",
            (_crystal_main,),
            "https://crystal-lang.org/reference/latest/man/crystal/",
        ),
    ),
    ("zig", "zig"): Recipe(
        "zig build -Doptimize=ReleaseSafe",
        "./zig-out/bin/{name}",
        (
            stated(
                "build.zig",
                r"\baddExecutable\([ \t\n]*\.\{[ \t\n]*\.name[ \t]*=[ \t]*\"([\w.-]+)\"",
            ),
        ),
        "https://ziglang.org/learn/build-system/",
    ),
    ("haskell", "stack"): Recipe(
        "stack install --local-bin-path=bin",
        "./bin/{name}",
        (
            stated("package.yaml", r"^executables:[ \t]*\n[ \t]+([\w.-]+):"),
            stated("*.cabal", r"^executable[ \t]+([\w.-]+)"),
        ),
        "https://docs.haskellstack.org/en/stable/commands/install_command/",
    ),
    ("haskell", "cabal"): Recipe(
        "cabal install --installdir=bin --install-method=copy",
        "./bin/{name}",
        (stated("*.cabal", r"^executable[ \t]+([\w.-]+)"),),
        "https://cabal.readthedocs.io/en/stable/cabal-commands.html",
    ),
    ("cpp", "cmake"): Recipe(
        "cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build",
        "./build/{name}",
        (
            stated("CMakeLists.txt", r"^[ \t]*add_executable[ \t]*\([ \t\n]*\"?([\w.-]+)"),
            stated("CMakeLists.txt", r"^[ \t]*project[ \t]*\([ \t\n]*\"?([\w.-]+)"),
        ),
        "https://cmake.org/cmake/help/latest/manual/cmake.1.html",
    ),
    ("cpp", "meson"): Recipe(
        "meson setup build --buildtype=release && meson compile -C build",
        "./build/{name}",
        (stated("meson.build", r"\bexecutable\([ \t\n]*'([\w.-]+)'"),),
        "https://mesonbuild.com/Running-Meson.html",
    ),
    ("cpp", "make"): Recipe(
        "make",
        "./{name}",
        (
            stated(
                "*akefile", r"^(?:TARGET|PROGRAM|BIN|EXEC|PROG|NAME)[ \t]*[:?]?=[ \t]*([\w./-]+)"
            ),
        ),
        "https://www.gnu.org/software/make/manual/",
    ),
    ("cpp", None): Recipe(
        "c++ -O2 -o app {name}.c*",
        "./app",
        (present("main.cpp", "main.cc", "main.cxx", "main.c", "src/main.cpp", "src/main.c"),),
        "https://gcc.gnu.org/onlinedocs/gcc/Invoking-G_002b_002b.html",
    ),
    ("cobol", None): Recipe(
        "cobc -x -o app {name}.cbl",
        "./app",
        (present("index.cbl", "main.cbl", "src/index.cbl", "src/main.cbl", "*.cbl", "src/*.cbl"),),
        "https://gnucobol.sourceforge.io/guides.html",
    ),
    ("scheme", None): Recipe(
        None,
        "guile --no-auto-compile {name}.scm",
        (present("main.scm", "server.scm", "init.scm", "index.scm", "src/main.scm"),),
        "https://www.gnu.org/software/guile/manual/html_node/Invoking-Guile.html",
    ),
}


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to build and run an app of one of these languages."""
    if packages.has("flutter"):
        return Run(
            kind=AppKind.STATIC,
            install=Command(command="flutter pub get", reason="pubspec.yaml: what it names"),
            build=Command(command="flutter build web", reason="pubspec.yaml names Flutter"),
            output_directory="build/web",
            spa_fallback=True,
        )
    return program_run(packages, record, _program(files, packages))


def _program(files: SourceFiles, packages: Packages) -> Program | None:
    recipe = RECIPES.get((packages.language, packages.manager))
    if recipe is None:
        return None
    named = first(files, recipe.names)
    if named is None and recipe.otherwise and (named := first(files, recipe.otherwise.names)):
        recipe = recipe.otherwise
    if named is None:
        has_name = recipe.build is None or "{name}" in recipe.build
        return None if has_name else Program(recipe.build, None, "the whole project is built")
    name, path = named
    build, start = (
        line and line.format(name=shlex.quote(name)) for line in (recipe.build, recipe.start)
    )
    files.note(path, f"names the program {name}" if name not in path else "is the program")
    return Program(build, start, f"{path}: {name}")
