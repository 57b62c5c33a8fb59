"""Plain files: served as they are."""

import re

from autodeploy.services.analyzer.entries import site
from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.frameworks.static import FOLDERS
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind
from autodeploy.services.analyzer.tree import normal_path

# A Staticfile names the folder, and whether one page answers every path:
# https://docs.cloudfoundry.org/buildpacks/staticfile/, 2026-11.
_ROOT = re.compile(r"(?m)^root:[ \t]*[\"']?([\w./-]+)")
_FALLBACK = re.compile(r"(?m)^(?:index_fallback:[ \t]*true|pushstate:[ \t]*enabled)\b")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """The folder that the Staticfile names, else the first that holds index.html."""
    if not record.generic:
        return site.run(files, packages, record)
    said = files.text("Staticfile") or "" if files.has("Staticfile") else ""
    root = _ROOT.search(said)
    named = normal_path(root.group(1)) if root else None
    if named and files.entries(named):
        folder = named
        files.note("Staticfile", f"names the folder {folder}")
    else:
        folder = next((one for one in ("", *FOLDERS) if files.has(_page(one))), "") or "."
        files.note(_page(folder), "is the first page")
    return Run(
        kind=AppKind.STATIC,
        output_directory=folder,
        spa_fallback=bool(_FALLBACK.search(said)),
    )


def _page(folder: str) -> str:
    return "index.html" if folder in ("", ".") else f"{folder}/index.html"
