"""Rust: Cargo's packages and workspaces, and the Rust version."""

from collections.abc import Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, table, texts, words
from autodeploy.services.analyzer.packages.stated import line, stated, tool
from autodeploy.services.analyzer.packages.toolchain import BuildTool, Dependencies, Language
from autodeploy.services.analyzer.plan import Member

MANIFEST = "Cargo.toml"
MOST_MEMBERS = 50


def manifest_of(files: SourceFiles, folder: str) -> Mapping[str, object]:
    return files.toml(f"{folder}/{MANIFEST}" if folder else MANIFEST)


def member_folders(files: SourceFiles) -> list[str]:
    """The folders of the workspace's members, in their order; [] without a workspace."""
    return _folders(files, "members")


def default_folders(files: SourceFiles) -> list[str]:
    """The folders of the members that Cargo builds where none is named; [] for all of them."""
    return _folders(files, "default-members")


def _folders(files: SourceFiles, key: str) -> list[str]:
    workspace = table(files.toml(MANIFEST), "workspace")
    left_out = set(texts(workspace.get("exclude")))
    found: dict[str, None] = {}
    for pattern in texts(workspace.get(key)):
        for path in files.glob(f"{pattern.strip('/').removeprefix('./')}/{MANIFEST}"):
            folder = path.rpartition("/")[0]
            if folder and folder not in left_out:
                found[folder] = None
    return list(found)[:MOST_MEMBERS]


def _dependencies(files: SourceFiles) -> Dependencies:
    found = Dependencies.none()
    shared = table(files.toml(MANIFEST), "workspace", "dependencies")
    # Only a workspace without a package of its own is what its members are.
    is_virtual = "package" not in files.toml(MANIFEST)
    for folder in ("", *(member_folders(files) if is_virtual else ())):
        manifest = manifest_of(files, folder)
        path = f"{folder}/{MANIFEST}" if folder else MANIFEST
        for key, develop in (("dependencies", False), ("build-dependencies", True),
                             ("dev-dependencies", True)):  # fmt: skip
            for name, asked in table(manifest, key).items():
                inherited = isinstance(asked, dict) and asked.get("workspace") is True
                version = _version(shared.get(name) if inherited else asked)
                found.add(name, version, path, develop=develop)
    return found


def _version(asked: object) -> str | None:
    return words(asked.get("version") if isinstance(asked, dict) else asked)


def _members(files: SourceFiles) -> tuple[Member, ...]:
    return tuple(
        Member(
            path=files.at(folder),
            name=words(table(manifest_of(files, folder), "package").get("name")),
            language="rust",
        )
        for folder in member_folders(files)
    )


def _asked_by_manifest(files: SourceFiles) -> tuple[str, str] | None:
    manifest = files.toml(MANIFEST)
    version = words(table(manifest, "package").get("rust-version")) or words(
        table(manifest, "workspace", "package").get("rust-version")
    )
    return (version, MANIFEST) if version else None


LANGUAGE = Language(
    slug="rust",
    name="Rust",
    tools=(BuildTool("cargo", (MANIFEST,), "cargo fetch", ("Cargo.lock",)),),
    sources=("main.rs", "src/main.rs"),
    # https://rust-lang.github.io/rustup/overrides.html (read 2026-11)
    versions=(
        stated("rust-toolchain", r"^[ \t]*channel[ \t]*=[ \t]*[\"']([^\"']+)"),
        stated("rust-toolchain", r"^([\w.-]+)[ \t]*$"),
        stated("rust-toolchain.toml", r"^[ \t]*channel[ \t]*=[ \t]*[\"']([^\"']+)"),
        line(".rust-version"),
        tool("rust"),
        _asked_by_manifest,
    ),
    dependencies=_dependencies,
    members=_members,
)
