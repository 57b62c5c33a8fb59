"""Folders of source files for tests."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.tree import FolderTree, normal_path


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def plan_of(folder: Path, files: Mapping[str, str | bytes], root: str = "") -> Plan:
    return analyze(FolderTree(write(folder, files)), root)


def start_of(plan: Plan) -> str | None:
    return plan.start_command.command if plan.start_command else None


def install_of(plan: Plan) -> str | None:
    return plan.install_command.command if plan.install_command else None


class MemoryTree:
    """A source tree of files that are on no disk, for tests that need thousands of trees."""

    def __init__(self, files: Mapping[str, bytes]):
        self.files = files
        self.warnings: list[str] = []
        self.memo: dict[tuple[object, ...], object] = {}
        self.folders: dict[str, dict[str, bool]] = {"": {}}
        for path in sorted(files):
            parts = path.split("/")
            for number, name in enumerate(parts):
                above = "/".join(parts[:number])
                is_file = number == len(parts) - 1
                self.folders.setdefault(above, {})[name] = is_file

    def entries(self, folder: str) -> Mapping[str, bool]:
        return self.folders.get(normal_path(folder) or "", {}) if folder else self.folders[""]

    def walk(self, folder: str = "") -> Iterator[str]:
        below = f"{folder}/" if folder else ""
        inside = (path for path in self.files if path.startswith(below))
        return iter(sorted(inside, key=lambda path: (path.count("/"), path)))

    def read(self, path: str) -> bytes | None:
        return self.files.get(normal_path(path) or "")


def build_of(plan: Plan) -> str | None:
    return plan.build_command.command if plan.build_command else None
