"""``analyze``: what a folder or a repository is, needs and costs, and how sure that is.

It needs no platform: the analysis runs here, and runs nothing of the repository's code.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.options import Json
from autodeploy.cli.terminal import is_interactive, print_json, printable, say, seconds

if TYPE_CHECKING:
    from autodeploy.kernel.git.partial import PartialTree
    from autodeploy.services.analyzer.plan import Plan

T = TypeVar("T")

# A person who sees nothing for longer wonders whether anything happens.
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Source:
    """Files to look at, and which commit they are of where that is known."""

    name: str
    files: "PartialTree"
    branch: str | None = None
    commit: str | None = None
    default_branch: str | None = None


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
    found, plan = asyncio.run(_shown(_analyzed(source, ref, root), f"Reading {printable(source)}"))
    if as_json:
        print_json(_answer(found, plan))
        return
    from autodeploy.cli.plan_view import print_plan

    print_plan(_title(found, root), plan, explain=explain)


async def _analyzed(text: str, ref: str | None, root: str) -> tuple[Source, "Plan"]:
    from autodeploy.cli.operator.configuration import read_settings
    from autodeploy.services.analyzer.prices import read_prices
    from autodeploy.services.analyzer.rounds import analyze_source

    async with _opened(text, ref) as source:
        prices = read_prices(read_settings().home)
        return source, await analyze_source(source.files, _root(source, root), prices)


def _root(source: Source, root: str) -> str:
    """The root directory in normal form. Raises ``CommandError`` for what is no folder of it."""
    from autodeploy.services.analyzer.tree import FolderTree, normal_path

    path = normal_path(root.strip("/"))
    tree = FolderTree(source.files.folder)
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


@asynccontextmanager
async def _opened(text: str, ref: str | None) -> AsyncIterator[Source]:
    """The files of a folder as they lie there, else of a commit, in a folder that goes again."""
    from autodeploy.cli.user.sources import GitSource, is_bare, parse_source
    from autodeploy.kernel.git.partial import PartialTree

    source = parse_source(text)
    if not isinstance(source, GitSource) and ref is None and not is_bare(source.path):
        yield Source(source.name, PartialTree(source.path))
        return
    with tempfile.TemporaryDirectory(prefix="autodeploy-") as scratch:
        folder = Path(scratch) / "files"
        if isinstance(source, GitSource):
            async with _remote(source.clone_url, source.name, ref, folder) as found:
                yield found
        else:
            commit = await asyncio.to_thread(_unpack, source.path, ref or "HEAD", folder)
            yield Source(source.name, PartialTree(folder), ref or "HEAD", commit)


@asynccontextmanager
async def _remote(url: str, name: str, ref: str | None, folder: Path) -> AsyncIterator[Source]:
    """A remote commit without its history, of which only those files come that are asked for."""
    from autodeploy.kernel.git.remote import GitClient

    # Whoever runs this can reach the addresses of their own network with any other program.
    client = GitClient(allow_private_addresses=True)
    found = await client.resolve(url, ref)
    async with client.partial_tree(url, found.commit_sha, found.ref_name, folder) as files:
        yield Source(name, files, found.ref_name, found.commit_sha, found.default_branch)


def _unpack(repository: Path, ref: str, folder: Path) -> str:
    """Write the files of a commit of a repository on this machine; its full id."""
    from autodeploy.cli.user.sources import FolderSource, commit_of, packed
    from autodeploy.kernel.archives import unpack

    commit = commit_of(repository, ref)
    with packed(FolderSource(repository), commit) as archive:
        unpack(archive, folder)
    return commit


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
