"""Analysing a commit whose files are fetched as evidence asks for them.

Analysing is pure and takes milliseconds, a request to a git server takes longer. So a commit is
analysed with the names of its files alone, what was asked for is fetched in one request, and it
is analysed again, until nothing more is asked for.
"""

import asyncio
from pathlib import Path

from autodeploy.kernel.errors import AutoDeployError, InvalidInput
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.manifests import with_unreadable
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.pointers import (
    ATTRIBUTE,
    ATTRIBUTES,
    uses_pointers,
    warn_of_pointers,
)
from autodeploy.services.analyzer.prices import Prices
from autodeploy.services.analyzer.tree import FolderTree, LazyFiles

# Each file read may ask for others, but not for long; after this, all that is left is fetched.
MOST_ROUNDS = 8


async def analyze_source(source: LazyFiles, root_directory: str, prices: Prices) -> Plan:
    """The plan for a folder of the source, whose root directory is in normal form.

    Raises:
        InvalidInput: there is no such root directory.
        AutodeployTomlInvalid: the owner's own file cannot be used.
        Also what ``LazyFiles.bring`` raises.
    """
    _require_folder(source.folder, root_directory)
    plan = await _settled(source, root_directory, prices)
    await source.bring([ATTRIBUTES])
    if uses_pointers(source.folder):
        await source.bring(await source.marked(*ATTRIBUTE))
    pointers = await asyncio.to_thread(warn_of_pointers, source.folder)
    warnings = (*plan.warnings, *source.warnings, *([pointers] if pointers else []))
    return plan.model_copy(update={"warnings": warnings})


async def _settled(source: LazyFiles, root_directory: str, prices: Prices) -> Plan:
    for _ in range(MOST_ROUNDS):
        tree = FolderTree(source.folder, missing=source.missing)
        plan = await asyncio.to_thread(_attempt, tree, root_directory, prices)
        if plan is not None:
            return plan
        await source.bring(tree.asked_for)
    await source.bring(source.missing)
    return await asyncio.to_thread(_analyzed, FolderTree(source.folder), root_directory, prices)


def _attempt(tree: FolderTree, root_directory: str, prices: Prices) -> Plan | None:
    """The plan, or None when it would be another if nothing had been missing."""
    try:
        plan = _analyzed(tree, root_directory, prices)
    except AutoDeployError:
        if not tree.asked_for:
            raise
        return None
    return None if tree.asked_for else plan


def _analyzed(tree: FolderTree, root_directory: str, prices: Prices) -> Plan:
    return with_unreadable(analyze(tree, root_directory, prices=prices), tree)


def _require_folder(folder: Path, root_directory: str) -> None:
    if root_directory and not (folder / root_directory).is_dir():
        raise InvalidInput(
            f"There is no folder {root_directory!r} in this repository.",
            field="rootDirectory",
            remedy="Give the app's folder inside the repository, such as apps/web.",
        )
