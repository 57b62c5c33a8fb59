"""Rust: which binary is started, workspaces, the Rust version."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import build_of, plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind

PACKAGE = '[package]\nname = "hello"\nversion = "0.1.0"\n'


@pytest.mark.parametrize(
    ("manifest", "files", "binary"),
    [
        (PACKAGE, ("src/main.rs",), "hello"),
        (PACKAGE, ("src/main.rs", "src/bin/tool.rs"), "hello"),
        (PACKAGE, ("src/bin/tool.rs",), "tool"),
        (PACKAGE, ("src/bin/tool/main.rs", "src/lib.rs"), "tool"),
        (f'{PACKAGE}default-run = "tool"\n', ("src/main.rs", "src/bin/tool.rs"), "tool"),
        (f'{PACKAGE}[[bin]]\nname = "web"\npath = "src/main.rs"\n', ("src/main.rs",), "web"),
    ],
)
def test_binary_is_the_one_that_cargo_would_run(
    tmp_path: Path, manifest: str, files: tuple[str, ...], binary: str
) -> None:
    plan = plan_of(tmp_path, {"Cargo.toml": manifest, **dict.fromkeys(files, "fn main() {}")})
    assert build_of(plan) == "cargo build --release"
    assert start_of(plan) == f"./target/release/{binary}"


def test_package_without_a_binary_is_a_library(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"Cargo.toml": PACKAGE, "src/lib.rs": ""})
    assert (plan.kind, build_of(plan), plan.abstained) == (AppKind.LIBRARY, None, True)


WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\nexclude = ["crates/old"]\n'
    '[workspace.dependencies]\naxum = "0.8.4"\n',
    "crates/a-tool/Cargo.toml": PACKAGE.replace("hello", "a-tool"),
    "crates/a-tool/src/main.rs": "",
    "crates/old/Cargo.toml": PACKAGE.replace("hello", "old"),
    "crates/web/Cargo.toml": f"{PACKAGE}[dependencies]\naxum = {{ workspace = true }}\n".replace(
        "hello", "web"
    ),
    "crates/web/src/main.rs": "",
}


def test_member_with_the_framework_is_built_from_the_root(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WORKSPACE)
    assert plan.framework is not None
    assert (plan.framework.slug, plan.framework.version) == ("axum", "0.8.4")
    assert build_of(plan) == "cargo build --release --package web"
    assert start_of(plan) == "./target/release/web"
    assert [member.path for member in plan.members] == ["crates/a-tool", "crates/web"]


def test_workspace_without_a_framework_takes_the_member_that_is_no_tool_of_its_own(
    tmp_path: Path,
) -> None:
    files = {"Cargo.toml": '[workspace]\nmembers = ["xtask", "web", "worker"]\n'}
    for name in ("xtask", "web", "worker"):
        files[f"{name}/Cargo.toml"] = PACKAGE.replace("hello", name)
        files[f"{name}/src/main.rs"] = ""
    plan = plan_of(tmp_path, files)
    assert build_of(plan) == "cargo build --release --package web"
    assert any("web, worker" in warning for warning in plan.warnings)


def test_member_as_root_directory_starts_from_the_target_of_the_workspace(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WORKSPACE, "crates/web")
    assert start_of(plan) == "../../target/release/web"


def test_framework_for_tests_alone_is_none_of_the_app(tmp_path: Path) -> None:
    manifest = f'{PACKAGE}[dev-dependencies]\naxum = "0.8"\n'
    assert plan_of(tmp_path, {"Cargo.toml": manifest, "src/main.rs": ""}).framework is None


def test_front_end_beside_a_rust_server_is_not_the_app(tmp_path: Path) -> None:
    files = {
        "Cargo.toml": f'{PACKAGE}[dependencies]\nactix-web = "4"\n',
        "src/main.rs": "",
        "package.json": '{"devDependencies": {"vite": "6"}, "scripts": {"build": "vite build"}}',
        "vite.config.js": "",
    }
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert plan.framework.slug == "actix-web"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"rust-toolchain": "1.80.1\n"}, "1.80.1"),
        ({"rust-toolchain": '[toolchain]\nchannel = "nightly-2026-01-02"\n'}, "nightly-2026-01-02"),
        ({"rust-toolchain.toml": '[toolchain]\nchannel = "1.85"\n', ".tool-versions": "rust 1.70"},
         "1.85"),
        ({".tool-versions": "rust 1.70"}, "1.70"),
        ({}, "1.60"),
    ],
)  # fmt: skip
def test_toolchain_file_outranks_the_manifest(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    manifest = f'{PACKAGE}rust-version = "1.60"\n'
    plan = plan_of(tmp_path, {"Cargo.toml": manifest, "src/main.rs": "", **files})
    assert plan.runtime is not None
    assert plan.runtime.version_request == version


def test_member_that_is_named_like_a_server_is_the_app(tmp_path: Path) -> None:
    files = {"Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n'}
    for name in ("cron", "server"):
        files[f"crates/{name}/Cargo.toml"] = f'[package]\nname = "shop_{name}"\n'
        files[f"crates/{name}/src/main.rs"] = "fn main() {}"
    assert build_of(plan_of(tmp_path, files)) == "cargo build --release --package shop_server"


def test_default_member_is_built_without_being_named(tmp_path: Path) -> None:
    files = {"Cargo.toml": '[workspace]\nmembers = ["*"]\ndefault-members = ["daemon"]\n'}
    for name in ("admin", "daemon", "server"):
        files[f"{name}/Cargo.toml"] = PACKAGE.replace("hello", name)
        files[f"{name}/src/main.rs"] = ""
    plan = plan_of(tmp_path, files)
    assert (build_of(plan), start_of(plan)) == ("cargo build --release", "./target/release/daemon")
