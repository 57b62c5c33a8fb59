"""Reading remote repositories: which commit a ref names, and the files of a commit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.git.errors import RepositoryEmpty
from autodeploy.kernel.git.refs import ResolvedRef, check_ref, is_full_sha
from autodeploy.kernel.git.session import Limits, RemoteSession, open_connection
from autodeploy.kernel.git.urls import RemoteUrl, parse_url
from autodeploy.kernel.git.working_tree import write_files

__all__ = ["GitClient", "ResolvedRef"]


@dataclass(frozen=True)
class GitClient:
    """A client of git servers over https, ssh and git, safe for URLs that users give.

    Args:
        allow_private_addresses: the operator's choice to reach loopback and private networks;
            it also allows plain http.
        ssh_identity: a private key that the operator made for AutoDeploy; ``known_hosts`` is kept
            beside it. Without one, ssh servers that ask for a key are refused with a remedy.
        limits: time and size limits.
    """

    allow_private_addresses: bool
    ssh_identity: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def check_url(self, url: str) -> RemoteUrl:
        """The parsed URL. Raises ``InvalidInput`` for one that is not accepted."""
        return parse_url(url, allow_http=self.allow_private_addresses)

    async def resolve(self, url: str, ref: str | None = None) -> ResolvedRef:
        """The commit behind a branch, a tag or a commit; behind HEAD without a ref.

        A full commit id is returned as it is: only ``checkout`` can tell whether it exists.

        Raises:
            RefNotFound, RepositoryEmpty, RepositoryNotFound, RepositoryNeedsCredentials,
            RepositoryUnreachable, AddressRefused, InvalidInput.
        """
        wanted = None if ref is None else check_ref(ref)
        async with self._session(url) as session:
            listed = await session.list_refs(wanted)
            default = listed.default_branch()
            if listed.head_target is None:  # detached, or pointing to no branch: look at them all
                listed = await session.list_refs(None)
                default = listed.default_branch()
            if default is None:
                raise RepositoryEmpty(
                    "The repository has no commit yet.", field="url", remedy="Push a commit first."
                )
            name = wanted or default
            commit = await session.commit_of(name, listed)
            return ResolvedRef(name, commit, default)

    async def checkout(self, url: str, commit: str, ref: str | None, target: Path) -> None:
        """Write the files of ``commit`` to ``target``, without history and without ``.git``.

        Args:
            commit: the full commit id.
            ref: the branch or tag it was found by, a help for servers that give out no bare ids.
            target: a folder that is empty or does not exist.

        Submodules are not fetched and Git LFS files stay pointers.

        Raises:
            As ``resolve``; also RepositoryTooLarge.
        """
        _check_commit(commit)
        async with self._session(url) as session:
            await session.fetch(commit, ref and check_ref(ref))
            await write_files(session, commit, target, partial=False)

    async def sparse_tree(self, url: str, commit: str, ref: str | None, target: Path) -> None:
        """Like ``checkout``, for reading only: what analysis never reads is not transferred.

        Where the server can filter, files over 1 MiB become empty files of the same name.
        """
        _check_commit(commit)
        async with self._session(url) as session:
            await session.fetch(commit, ref and check_ref(ref), blob_limit_bytes=(1 << 20) + 1)
            await write_files(session, commit, target, partial=True)

    @asynccontextmanager
    async def _session(self, url: str) -> AsyncIterator[RemoteSession]:
        """A repository folder of its own and a checked connection, gone when the block ends."""
        remote = self.check_url(url)
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="autodeploy-git-"))
        try:
            session = RemoteSession(
                remote=remote,
                folder=folder,
                connection=await open_connection(
                    remote, folder, self.ssh_identity, self.allow_private_addresses
                ),
                ssh_identity=self.ssh_identity,
                allow_private=self.allow_private_addresses,
                limits=self.limits,
            )
            await session.initialise()
            yield session
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _check_commit(commit: str) -> None:
    if not is_full_sha(commit):
        raise InvalidInput("A commit is given by its 40 hexadecimal digits.", field="commit")
