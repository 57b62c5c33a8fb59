"""The analysis of a folder that holds the files of one commit, or what a person works on."""

from collections.abc import Sequence
from pathlib import Path

from autodeploy.kernel.errors import InvalidInput
from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.manifests import with_unreadable
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.pointers import warn_of_pointers
from autodeploy.services.analyzer.prices import Prices
from autodeploy.services.analyzer.tree import FolderTree


def analyze_folder(
    folder: Path, root_directory: str = "", *, prices: Prices, warnings: Sequence[str] = ()
) -> Plan:
    """The plan of what lies in ``folder``; blocks while it reads.

    Args:
        root_directory: the app's folder inside it, in normal form.
        warnings: what is known to be missing from it.

    Raises:
        InvalidInput: there is no such root directory.
        AutodeployTomlInvalid: the owner's own file cannot be used.
    """
    if root_directory and not (folder / root_directory).is_dir():
        raise InvalidInput(
            f"There is no folder {root_directory!r} in this repository.",
            field="rootDirectory",
            remedy="Give the app's folder inside the repository, such as apps/web.",
        )
    tree = FolderTree(folder)
    tree.warnings += warnings
    if pointers := warn_of_pointers(folder):
        tree.warnings.append(pointers)
    return with_unreadable(analyze(tree, root_directory, prices=prices), tree)
