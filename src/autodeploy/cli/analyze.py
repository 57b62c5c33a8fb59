"""``analyze``: what a folder or a repository is, needs and costs, and how sure that is.

It needs no platform: the analysis runs here, and runs nothing of the repository's code.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.operator.configuration import read_settings
from autodeploy.cli.options import Json
from autodeploy.cli.terminal import is_interactive, print_json, printable, say, seconds

if TYPE_CHECKING:
    from autodeploy.services.analyzer.plan import Plan

T = TypeVar("T")

# A person who sees nothing for longer wonders whether anything happens.
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Source:
    """Files to look at: which commit they are of, where that is known, and what they lack."""

    name: str
    folder: Path
    branch: str | None = None
    commit: str | None = None
    default_branch: str | None = None
    warnings: tuple[str, ...] = ()


def analyze(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a file: URL or a git URL.", metavar="[PATH|URL]"),
    ] = ".",
    ref: Annotated[
        str | None, typer.Option("--ref", help="Branch, tag or commit; default: what is there.")
    ] = None,
    root: Annotated[
        str, typer.Option("--root", help="Folder of the app inside the repository.")
    ] = "",
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Also what it rests on, and what else was thought of."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a folder or a git repository is, how it is built and run, and what it needs.

    \b
    Examples:
      autodeploy analyze
      autodeploy analyze --explain --root apps/web
      autodeploy analyze https://github.com/team/shop.git --json
    """
    with _opened(source, ref) as found:
        plan = _plan(found, _root(found, root))
        if as_json:
            print_json(_answer(found, plan))
            return
        from autodeploy.cli.plan_view import print_plan

        print_plan(_title(found, root), plan, explain=explain)


def _plan(source: Source, root: str) -> "Plan":
    from autodeploy.services.analyzer.folders import analyze_folder
    from autodeploy.services.analyzer.prices import read_prices

    prices = read_prices(read_settings().home)
    return analyze_folder(source.folder, root, prices=prices, warnings=source.warnings)


def _root(source: Source, root: str) -> str:
    """The root directory in normal form. Raises ``CommandError`` for what is no folder of it."""
    from autodeploy.services.analyzer.tree import FolderTree, normal_path

    path = normal_path(root.strip("/"))
    tree = FolderTree(source.folder)
    if path is None or (path and not tree.entries(path)):
        raise CommandError(
            f"There is no folder {root!r} with files in {source.name}.",
            remedy="Give --root the app's folder inside the repository, such as apps/web.",
            exit_code=ExitCode.USAGE,
        )
    if next(tree.walk(), None) is None:
        raise CommandError(
            f"There are no files in {source.name}.",
            remedy="Name the folder of an app, or commit its files first.",
            code="repository_empty",
        )
    return path


@contextmanager
def _opened(text: str, ref: str | None) -> Iterator[Source]:
    """The files of a folder as they lie there, else of a commit, in a folder that goes again."""
    from autodeploy.cli.user.sources import GitSource, is_bare, parse_source

    source = parse_source(text)
    if not isinstance(source, GitSource) and ref is None and not is_bare(source.path):
        yield Source(source.name, source.path)
        return
    with tempfile.TemporaryDirectory(prefix="autodeploy-") as scratch:
        folder = Path(scratch) / "files"
        if isinstance(source, GitSource):
            work = _fetched(source.url, source.name, ref, folder)
            yield asyncio.run(_shown(work, f"Fetching {printable(source.url)}"))
        else:
            yield replace(_unpacked(source.path, ref or "HEAD", folder), name=source.name)


async def _fetched(url: str, name: str, ref: str | None, folder: Path) -> Source:
    """What analysis reads of a remote commit, without its history and without large files."""
    from autodeploy.kernel.git.remote import GitClient

    # Whoever runs this can reach the addresses of their own network with any other program.
    client = GitClient(allow_private_addresses=True)
    found = await client.resolve(url, ref)
    warnings = await client.sparse_tree(url, found.commit_sha, found.ref_name, folder)
    return Source(name, folder, found.ref_name, found.commit_sha, found.default_branch, warnings)


def _unpacked(repository: Path, ref: str, folder: Path) -> Source:
    from autodeploy.cli.user.sources import FolderSource, commit_of, packed
    from autodeploy.kernel.archives import unpack

    commit = commit_of(repository, ref)
    with packed(FolderSource(repository), commit) as archive:
        unpack(archive, folder)
    return Source(repository.name, folder, ref, commit)


async def _shown(work: Coroutine[Any, Any, T], text: str) -> T:
    """The result of ``work``, with something to see meanwhile on standard error."""
    task, started = asyncio.ensure_future(work), time.monotonic()
    with _spinner(text):
        while not (await asyncio.wait({task}, timeout=_PATIENCE_SECONDS))[0]:
            if not is_interactive(sys.stderr):
                say(f"{text} ({seconds(time.monotonic() - started)})")
        return await task


@contextmanager
def _spinner(text: str) -> Iterator[None]:
    if is_interactive(sys.stderr):
        from rich.console import Console

        shown: Any = Console(stderr=True).status(text)
    else:
        shown = nullcontext()
    with shown:
        yield


def _title(source: Source, root: str) -> str:
    where = f"{source.name}/{root.strip('/')}" if root.strip("/") else source.name
    commit = f" at {source.branch} ({source.commit[:10]})" if source.commit else ""
    return f"{where}{commit}"


def _answer(source: Source, plan: "Plan") -> dict[str, Any]:
    """What the API answers for an analysis; what only a platform knows of one is null."""
    from autodeploy.kernel.clock import now
    from autodeploy.services.analyzer.schemas import analysis_result

    return {
        "id": None,
        "status": "completed",
        "repository": {
            "id": None,
            "fullName": source.name,
            "defaultBranch": source.default_branch,
        },
        "branch": source.branch,
        "commit": source.commit,
        "rootDirectory": plan.root_directory,
        **analysis_result(plan).model_dump(mode="json", by_alias=True),
        "createdAt": now().isoformat(),
    }
