"""Folders of source files for tests."""

from collections.abc import Mapping
from pathlib import Path

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.tree import FolderTree


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


def build_of(plan: Plan) -> str | None:
    return plan.build_command.command if plan.build_command else None
