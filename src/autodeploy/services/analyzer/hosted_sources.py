"""The files of a commit at GitHub: all of them by its archive, or those that are read by its tree.

An archive is what ``git archive`` makes: it has no submodules, which are fetched by git, and leaves
out what ``.gitattributes`` marks ``export-ignore``.
"""

import asyncio
from pathlib import Path

from autodeploy.kernel.archives import unpack
from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.refs import ResolvedRef, check_ref
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.git.submodules import Submodule, named_submodules, resolve_url
from autodeploy.kernel.threads import run_to_end
from autodeploy.providers.github.shapes import EntryKind, Tree
from autodeploy.services.analyzer.assembled import assemble
from autodeploy.services.analyzer.hosts import HostedRepository
from autodeploy.services.analyzer.receiving import LIMIT_BYTES, receive

_GITMODULES = ".gitmodules"
_ATTRIBUTES = ".gitattributes"
_LEFT_OUT = b"export-ignore"


async def resolve(host: HostedRepository, ref: str | None) -> ResolvedRef:
    """The commit behind a branch, a tag or a commit; behind the default branch without a ref.

    Raises ``RefNotFound``, ``RepositoryEmpty``, ``InvalidInput``; also what ``Sources`` raises.
    """
    default = host.there.default_branch
    name = default if ref is None else check_ref(ref)
    return ResolvedRef(name, await host.sources.commit_of(name), default)


async def fetch(
    host: HostedRepository, git: GitClient, commit: str, target: Path, scratch: Path
) -> tuple[str, ...]:
    """Write the files of ``commit`` to ``target``; ``scratch`` is a folder for its archive.

    Returns:
        Warnings: what of the commit could not be had.

    Raises:
        ArchiveRefused, TooLarge; also what ``Sources`` raises.
    """
    archive = scratch / "source.tar.gz"
    try:
        async with host.sources.archive(commit, most_bytes=LIMIT_BYTES + 1) as stream:
            await receive(stream.chunks(), archive, what="The archive of a repository")
    except NotFound:  # not every server that speaks as GitHub does has archives
        await assemble(host.sources, commit, archive)
    astray = await run_to_end(unpack, archive, target, below_top=True, leave_links_out=True)
    await asyncio.to_thread(archive.unlink)
    warnings = tuple(f"The link {each} leads out of the repository: left out." for each in astray)
    submodules = await _submodules(host, commit, target)
    if submodules:
        warnings += await git.add_submodules(submodules, target)
    attributes = await asyncio.to_thread(_read, target / _ATTRIBUTES)
    if _LEFT_OUT in attributes:
        warnings += (
            f"GitHub's archive leaves out the files that {_ATTRIBUTES} marks export-ignore.",
        )
    return warnings


def gitlinks(tree: Tree) -> dict[str, str]:
    """The submodules of a tree: the commit of each, by its path."""
    return {each.path: each.sha for each in tree.tree if each.type == EntryKind.COMMIT}


async def _submodules(host: HostedRepository, commit: str, target: Path) -> list[Submodule]:
    content = await asyncio.to_thread(_read, target / _GITMODULES)
    if not content:
        return []
    urls = named_submodules(content.decode(errors="replace"))
    found = gitlinks(await host.sources.tree(commit))
    return [
        Submodule(path, sha, resolve_url(host.url, urls[path]) if path in urls else None)
        for path, sha in found.items()
    ]


def _read(file: Path) -> bytes:
    """What is in a file of the commit; nothing of a link, which may lead anywhere."""
    return file.read_bytes() if file.is_file() and not file.is_symlink() else b""
