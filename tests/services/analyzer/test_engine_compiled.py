"""Languages whose build tools differ in words alone, and Clojure."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

LEIN = '(defproject com.example/shop "1.0" :main shop.core :dependencies [[ring "1.14"]]{})'


@pytest.mark.parametrize(
    ("files", "language", "manager", "build", "start"),
    [
        ({"Package.swift": '.target(name: "Core"), .executableTarget(\n name: "Shop")'},
         "swift", "swiftpm", "swift build -c release --static-swift-stdlib",
         "./.build/release/Shop"),
        ({"Package.swift": '.target(name: "Shop")', "Sources/Shop/main.swift": ""},
         "swift", "swiftpm", "swift build -c release --static-swift-stdlib",
         "./.build/release/Shop"),
        ({"pubspec.yaml": "name: shop\n", "bin/server.dart": "", "bin/a.dart": ""},
         "dart", "pub", "dart compile exe bin/server.dart", "./bin/server.exe"),
        ({"gleam.toml": 'name = "shop"\n'}, "gleam", "gleam", "gleam export erlang-shipment",
         "./build/erlang-shipment/entrypoint.sh run"),
        ({"shard.yml": "name: x\ntargets:\n  shop:\n    main: src/shop.cr\n"},
         "crystal", "shards", "shards build --release", "./bin/shop"),
        ({"shard.yml": "name: shop\n", "src/shop.cr": "", "src/other.cr": ""},
         "crystal", "shards", "crystal build --release -o app src/shop.cr", "./app"),
        ({"shard.yml": "name: shop\n", "app.cr": ""},
         "crystal", "shards", "crystal build --release -o app app.cr", "./app"),
        ({"build.zig": 'b.addExecutable(.{\n .name = "shop",\n });'},
         "zig", "zig", "zig build -Doptimize=ReleaseSafe", "./zig-out/bin/shop"),
        ({"stack.yaml": "", "shop.cabal": "name: x\nexecutable shop-exe\n"},
         "haskell", "stack", "stack install --local-bin-path=bin", "./bin/shop-exe"),
        ({"shop.cabal": "executable shop\n"}, "haskell", "cabal",
         "cabal install --installdir=bin --install-method=copy", "./bin/shop"),
        ({"CMakeLists.txt": "# add_executable(old a.c)\nadd_executable(shop main.cpp)\n"},
         "cpp", "cmake", "cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build",
         "./build/shop"),
        ({"meson.build": "executable('shop', 'main.cc')\n"}, "cpp", "meson",
         "meson setup build --buildtype=release && meson compile -C build", "./build/shop"),
        ({"Makefile": "TARGET := shop\n", "main.c": ""}, "cpp", "make", "make", "./shop"),
        ({"a.cbl": "", "index.cbl": ""}, "cobol", None, "cobc -x -o app index.cbl", "./app"),
        ({"main.scm": ""}, "scheme", None, None, "guile --no-auto-compile main.scm"),
        ({"project.clj": LEIN}, "clojure", "leiningen", "lein uberjar",
         "java -jar target/shop-1.0-standalone.jar"),
        ({"project.clj": LEIN.replace("{}", ' :plugins [[lein-ring "1"]] :uberjar-name "s.jar"')},
         "clojure", "leiningen", "lein ring uberjar", "java -jar target/s.jar"),
        ({"deps.edn": "{:aliases {:build {}}}", "build.clj": "(defn uber [_] (b/uber {}))"},
         "clojure", "clojure-cli", "clojure -T:build uber", 'java -jar "$(ls target/*.jar)"'),
        ({"deps.edn": '{:aliases {:run {:main-opts ["-m" "shop"]}}}'},
         "clojure", "clojure-cli", None, "clojure -M:run"),
    ],
)  # fmt: skip
def test_build_and_start_are_those_of_the_tool(
    tmp_path: Path,
    files: dict[str, str],
    language: str,
    manager: str | None,
    build: str | None,
    start: str,
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.package_manager) == (language, manager)
    assert (build_of(plan), start_of(plan)) == (build, start)
    assert not plan.abstained


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"Package.swift": "// swift-tools-version: 6.0\nimport PackageDescription\n"}, "6.0"),
        ({"Package.swift": "// swift-tools-version: 6.0\n", ".swift-version": "6.1"}, "6.1"),
        ({"pubspec.yaml": "environment:\n  sdk: ^3.5.0\n"}, "^3.5.0"),
        ({"gleam.toml": 'name = "x"\ngleam = ">= 1.13.0"\n'}, ">= 1.13.0"),
        ({"shard.yml": 'name: x\ncrystal: ">= 1.10.0"\n'}, ">= 1.10.0"),
        ({"build.zig": "", "build.zig.zon": '.{ .minimum_zig_version = "0.14.0" }'}, "0.14.0"),
        ({"deps.edn": "{}", ".java-version": "21\n"}, "21"),
    ],
)
def test_version_is_what_the_manifest_asks_for(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    runtime = plan_of(tmp_path, files).runtime
    assert runtime is not None
    assert runtime.version_request == version


def test_vapor_is_told_the_port(tmp_path: Path) -> None:
    manifest = (
        '.package(url: "https://github.com/vapor/vapor.git", from: "4.115.0"),\n'
        '.executableTarget(name: "App", dependencies: [.product(name: "Vapor", package: "vapor")])'
    )
    plan = plan_of(tmp_path, {"Package.swift": manifest})
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("vapor", "4.115.0")
    assert (start_of(plan) or "").endswith("--hostname 0.0.0.0 --port $PORT")


def test_flutter_is_built_for_the_web(tmp_path: Path) -> None:
    manifest = (
        "name: shop\ndependencies:\n  flutter:\n    sdk: flutter\n"
        "dev_dependencies:\n  lints: ^5.0.0\n"
    )
    plan = plan_of(tmp_path, {"pubspec.yaml": manifest, "lib/main.dart": ""})
    assert (plan.kind, plan.output_directory) == (AppKind.STATIC, "build/web")
    assert plan.dependencies.development == ("lints",)


@pytest.mark.parametrize(
    "files", [{"Package.swift": '.library(name: "Core")'}, {"CMakeLists.txt": "add_library(x)"}]
)
def test_library_is_not_started(tmp_path: Path, files: dict[str, str]) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.kind, start_of(plan), plan.abstained) == (AppKind.LIBRARY, None, True)


def test_native_part_of_an_app_of_another_language_is_not_the_app(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask", "app.py": "app = Flask(__name__)", "Makefile": "run:\n",
             "CMakeLists.txt": "add_executable(x)", "fast.c": ""}  # fmt: skip
    assert plan_of(tmp_path, files).language == "python"


def test_addon_of_a_package_is_not_the_app(tmp_path: Path) -> None:
    files = {"package.json": '{"main": "hello.js"}', "hello.js": "", "hello.cc": ""}
    plan = plan_of(tmp_path, files)
    assert (plan.language, start_of(plan)) == ("node", "node hello.js")


def test_page_in_clojure_is_built_as_its_users_get_it(tmp_path: Path) -> None:
    builds = '{:id "dev" :compiler {:main shop.core}} {:id "min" :compiler {:main shop.core}}'
    files = {"project.clj": f'(defproject shop "1.0" :cljsbuild {{:builds [{builds}]}})'}
    plan = plan_of(tmp_path, files)
    assert (build_of(plan), plan.start_command) == ("lein cljsbuild once min", None)
