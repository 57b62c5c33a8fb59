"""Where the files of a repository come from: GitHub, another git server, or an upload in the
object store."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

from autodeploy.kernel.archives import tree_id, unpack
from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.kernel.git.partial import PartialTree
from autodeploy.kernel.git.refs import ResolvedRef
from autodeploy.kernel.objects import ObjectNotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.scratch import make_scratch
from autodeploy.kernel.threads import run_to_end
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import hosted_sources
from autodeploy.services.analyzer.hosted_tree import open_tree
from autodeploy.services.analyzer.hosts import find_host
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.analyzer.receiving import receive
from autodeploy.services.analyzer.tree import LazyFiles

#: What stands for a branch in an upload, which has none.
UPLOAD_BRANCH = "upload"

_UPLOAD_URL = "upload:"
_TREE_ID = re.compile(r"[0-9a-f]{40}\Z")


def upload_url(commit: str) -> str:
    """The URL of an upload repository: it names its newest upload."""
    return f"{_UPLOAD_URL}{commit}"


def upload_key(organization_id: UUID, commit: str) -> str:
    """Where the archive of an upload lies in the object store."""
    return f"uploads/{organization_id}/{commit}.tar.gz"


async def resolve_ref(
    resources: Resources, repository: Repository, ref: str | None = None, *, providers: Registry
) -> ResolvedRef:
    """The commit behind a branch, tag or commit; behind the default branch without a ref.

    The commit of an upload is its tree id; without one, the newest upload is meant.

    Raises:
        RefNotFound, InvalidInput; for git also what ``GitClient.resolve`` raises, for GitHub what
        ``find_host`` raises.
    """
    if repository.kind != RepositoryKind.UPLOAD:
        host = await find_host(resources, providers, repository)
        if host is not None:
            return await hosted_sources.resolve(host, ref)
        return await resources.git.resolve(repository.url, ref)
    newest = repository.url.removeprefix(_UPLOAD_URL)
    wanted = newest if ref in (None, UPLOAD_BRANCH) else ref
    if wanted != newest:
        await _require_upload(resources, repository, wanted or "")
    return ResolvedRef(UPLOAD_BRANCH, wanted or newest, UPLOAD_BRANCH)


async def fetch_source(
    resources: Resources,
    repository: Repository,
    commit: str,
    ref: str | None,
    target: Path,
    *,
    providers: Registry,
) -> tuple[str, ...]:
    """Write the files of ``commit`` to ``target``, an empty or missing folder.

    Args:
        ref: the branch or tag that led to the commit, a help for some git servers.

    Returns:
        Warnings: what of the commit could not be had.

    Raises:
        RefNotFound, ArchiveRefused, TooLarge; for git also what ``GitClient.checkout`` raises, for
        GitHub what ``find_host`` raises.
    """
    if repository.kind != RepositoryKind.UPLOAD:
        host = await find_host(resources, providers, repository)
        if host is None:
            return await resources.git.checkout(repository.url, commit, ref, target)
        async with scratch_folder(resources) as scratch:
            return await hosted_sources.fetch(host, resources.git, commit, target, scratch)
    async with scratch_folder(resources) as scratch:
        archive = scratch / "source.tar.gz"
        try:
            await resources.objects.get_file(
                upload_key(repository.organization_id, commit), archive
            )
        except ObjectNotFound as error:
            raise _no_such_upload(commit) from error
        await run_to_end(unpack, archive, target)
        return ()


@asynccontextmanager
async def open_source(
    resources: Resources,
    repository: Repository,
    commit: str,
    ref: str | None,
    *,
    providers: Registry,
) -> AsyncIterator[LazyFiles]:
    """The files of ``commit`` for reading: what is in them is fetched when it is asked for.

    Raises as ``fetch_source``.
    """
    async with scratch_folder(resources) as scratch:
        files = scratch / "files"
        if repository.kind == RepositoryKind.UPLOAD:
            await fetch_source(resources, repository, commit, ref, files, providers=providers)
            yield PartialTree(files)
            return
        host = await find_host(resources, providers, repository)
        if host is None:
            async with resources.git.partial_tree(repository.url, commit, ref, files) as tree:
                yield tree
            return
        fetch = partial(hosted_sources.fetch, host, resources.git, commit, scratch=scratch)
        async with open_tree(host, commit, scratch, fetch) as names:
            yield names


async def store_archive(
    resources: Resources, organization_id: UUID, body: AsyncIterable[bytes]
) -> str:
    """Check an uploaded tar.gz and store it for the organization.

    Returns:
        The tree id of its files.

    Raises:
        TooLarge: over 500 MiB, or over a limit once unpacked.
        ArchiveRefused: it is broken, or reaches outside its folder.
    """
    async with scratch_folder(resources) as scratch:
        archive, folder = scratch / "source.tar.gz", scratch / "files"
        await receive(body, archive, what="An upload")
        await run_to_end(unpack, archive, folder)
        commit = await asyncio.to_thread(tree_id, folder)
        key = upload_key(organization_id, commit)
        await resources.objects.put_file(key, archive, overwrite=False)
        return commit


@asynccontextmanager
async def scratch_folder(resources: Resources) -> AsyncIterator[Path]:
    """A private folder for strangers' files, gone when the block ends."""
    parent = resources.home / "sources"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = make_scratch(parent)
    try:
        yield folder
    finally:
        await run_to_end(shutil.rmtree, folder, ignore_errors=True)


async def _require_upload(resources: Resources, repository: Repository, commit: str) -> None:
    key = upload_key(repository.organization_id, commit)
    if not _TREE_ID.match(commit) or not await resources.objects.exists(key):
        raise _no_such_upload(commit)


def _no_such_upload(commit: str) -> RefNotFound:
    return RefNotFound(
        f"There is no upload {commit!r}.",
        field="commit",
        remedy="Give the commit that an upload answered, or leave it out for the newest.",
    )
