"""Plain files: served as they are."""

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """The folder that holds index.html: the root, else ``public``."""
    folder = "." if files.has("index.html") else "public"
    files.note("index.html" if folder == "." else "public/index.html", "is the first page")
    return Run(kind=AppKind.STATIC, output_directory=folder)
