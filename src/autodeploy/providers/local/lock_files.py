"""Lock files that their own manager would install from although they do not fit."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from autodeploy.kernel.toml_text import load_toml
from autodeploy.providers.local.errors import LockFileOutdated
from autodeploy.providers.local.sources import read_source
from autodeploy.providers.local.workshop import Workshop

_UV_FROZEN = re.compile(r"uv sync\b[^;&|]*--frozen\b")
_Table = Mapping[str, object]


def require_fitting_lock(shop: Workshop, command: str) -> None:
    """Raises ``LockFileOutdated`` where ``command`` would leave out what the app asks for.

    ``uv sync --frozen`` does not look whether the lock file fits, and ``--locked`` resolves anew
    where this machine's index is another than the one of who locked
    (https://docs.astral.sh/uv/concepts/projects/sync/, November 2026).
    """
    if not _UV_FROZEN.search(command):
        return
    lock = next(filter(None, (_toml(shop, folder / "uv.lock") for folder in shop.folders())), {})
    project = _table(_toml(shop, shop.workdir / "pyproject.toml").get("project"))
    locked = _locked(lock, str(project.get("name", "")))
    missing = [] if locked is None else [str(one) for one in _missing(project, locked)]
    if missing:
        raise LockFileOutdated(
            f"uv.lock does not hold what pyproject.toml asks for: {', '.join(missing[:5])}.",
            cause="pyproject.toml was changed without uv.lock.",
            remedy="Run `uv lock` on your machine and commit uv.lock.",
        )


def _missing(project: _Table, locked: Mapping[str, str | None]) -> Iterator[Requirement]:
    """What the project asks for and the lock was not made with."""
    asked = project.get("dependencies")
    for line in asked if isinstance(asked, list) else ():
        try:
            requirement = Requirement(line)
        except (InvalidRequirement, TypeError):
            continue
        name = canonicalize_name(requirement.name)
        if name not in locked or not _same(requirement.specifier, locked[name]):
            yield requirement


def _same(asked: SpecifierSet, locked: str | None) -> bool:
    try:
        return locked is None or asked == SpecifierSet(locked)
    except InvalidSpecifier:
        return True


def _locked(lock: _Table, name: str) -> dict[str, str | None] | None:
    """The requirements of the project called ``name`` that the lock was made with, by package.

    None when the lock does not tell; a specifier of None when it tells the name only.
    """
    packages = lock.get("package")
    for package in packages if isinstance(packages, list) else ():
        if not isinstance(package, dict) or package.get("name") != canonicalize_name(name):
            continue
        required = _table(package.get("metadata")).get("requires-dist")
        entries = [one for one in required if isinstance(one, dict)] if isinstance(
            required, list) else []  # fmt: skip
        several = [str(one.get("name")) for one in entries]
        return {
            name: one.get("specifier") if several.count(name) == 1 else None
            for name, one in zip(several, entries, strict=True)
        }
    return None


def _toml(shop: Workshop, path: Path) -> _Table:
    try:
        return load_toml(read_source(path, shop.root).decode())
    except (OSError, ValueError):
        return {}


def _table(value: object) -> _Table:
    return value if isinstance(value, dict) else {}
