"""Reading remote repositories: which commit a ref names, and the files of a commit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autodeploy.kernel.errors import AutoDeployError, InvalidInput
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.folders import folder_bytes
from autodeploy.kernel.git.errors import RepositoryEmpty, RepositoryTooLarge
from autodeploy.kernel.git.partial import Part, PartialTree
from autodeploy.kernel.git.refs import ResolvedRef, check_ref, is_full_sha
from autodeploy.kernel.git.session import Limits, RemoteSession, open_connection
from autodeploy.kernel.git.submodules import (
    DEEPEST_SUBMODULE,
    MOST_SUBMODULES,
    Submodule,
    find_submodules,
)
from autodeploy.kernel.git.urls import RemoteUrl, parse_url
from autodeploy.kernel.git.working_tree import read_index, write_files
from autodeploy.kernel.scratch import make_scratch

__all__ = ["GitClient", "PartialTree", "ResolvedRef"]


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
        async with self.session(url) as session:
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

    @fault_point("git.checkout")
    async def checkout(
        self, url: str, commit: str, ref: str | None, target: Path
    ) -> tuple[str, ...]:
        """Write the files of ``commit`` to ``target``, without history and without ``.git``.

        Args:
            commit: the full commit id.
            ref: the branch or tag it was found by, a help for servers that give out no bare ids.
            target: a folder that is empty or does not exist.

        Git LFS files stay pointers.

        Returns:
            Warnings: which submodules could not be fetched, and why.

        Raises:
            As ``resolve``; also RepositoryTooLarge.
        """
        return tuple(await _Checkout(self, target).write(url, commit, ref, target))

    async def add_submodules(self, found: Sequence[Submodule], target: Path) -> tuple[str, ...]:
        """Write submodules to their places below ``target``, whose files came in another way.

        Returns:
            Warnings: which could not be fetched, and why.
        """
        return tuple(await _Checkout(self, target).write_submodules(found, target, 0))

    @asynccontextmanager
    async def partial_tree(
        self, url: str, commit: str, ref: str | None, target: Path
    ) -> AsyncIterator[PartialTree]:
        """Like ``checkout``, for reading only: files are fetched when they are asked for.

        A server that cannot leave out their content sends it at once. The tree's missing files
        can be brought until the block ends.
        """
        async with AsyncExitStack() as sessions:
            checkout = _Checkout(self, target, sessions)
            warnings = await checkout.write(url, commit, ref, target)
            yield PartialTree(target, tuple(warnings), checkout.parts)

    @asynccontextmanager
    async def session(self, url: str) -> AsyncIterator[RemoteSession]:
        """A repository folder of its own and a checked connection, gone when the block ends."""
        remote = self.check_url(url)
        folder = await asyncio.to_thread(make_scratch, Path(tempfile.gettempdir()))
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


@dataclass
class _Checkout:
    """One checkout with its submodules, all of which count against the same limits.

    With ``sessions`` it is a partial one: ``parts`` are its repositories, each with a session.
    """

    client: GitClient
    root: Path
    sessions: AsyncExitStack | None = None
    parts: list[Part] = field(default_factory=list)
    submodules: int = 0

    async def write(
        self, url: str, commit: str, ref: str | None, target: Path, depth: int = 0
    ) -> list[str]:
        """Write a commit and what lies in it to ``target``; returns warnings."""
        _check_commit(commit)
        async with AsyncExitStack() as ending:
            sessions = ending if self.sessions is None else self.sessions
            session = await sessions.enter_async_context(self.client.session(url))
            if depth:  # nobody has asked this server yet: whether it answers shows soon
                await session.list_refs("HEAD")
            checked_ref = ref and check_ref(ref)
            if self.sessions is None:
                await session.fetch(commit, checked_ref)
                await write_files(session, await read_index(session, commit), target)
            else:
                self.parts.append(Part(session, commit, checked_ref, target))
                await self.parts[-1].open()
            found = await find_submodules(session)
        return await self.write_submodules(found, target, depth)

    async def write_submodules(
        self, found: Sequence[Submodule], target: Path, depth: int
    ) -> list[str]:
        """Write submodules to their places in ``target``; returns warnings."""
        warnings = []
        for submodule in found:
            place = target / submodule.path
            try:
                warnings += await self._write_submodule(submodule, place, depth + 1)
            except AutoDeployError as error:
                name = place.relative_to(self.root)
                warnings.append(f"The submodule {name} was not fetched: {error.message}")
        return warnings

    async def _write_submodule(self, submodule: Submodule, place: Path, depth: int) -> list[str]:
        self.submodules += 1
        if self.submodules > MOST_SUBMODULES or depth > DEEPEST_SUBMODULE:
            raise InvalidInput("There are more submodules than AutoDeploy fetches.")
        if submodule.url is None:
            raise InvalidInput("The file .gitmodules does not say where it comes from.")
        # A link above it may lead anywhere: nothing is written there.
        if place.resolve() != self.root.resolve() / place.relative_to(self.root):
            raise InvalidInput("Its place is behind a link.")
        remote = self.client.check_url(submodule.url)
        url = remote.text
        if remote.protocol == "ssh" and self.client.ssh_identity is None:
            url = f"https://{remote.host}/{remote.path}"  # where forges serve the same to all
        warnings = await self.write(url, submodule.commit, None, place, depth)
        if await asyncio.to_thread(folder_bytes, self.root) > self.client.limits.files_bytes:
            raise RepositoryTooLarge("The repository with its submodules is too large.")
        return warnings


def _check_commit(commit: str) -> None:
    if not is_full_sha(commit):
        raise InvalidInput("A commit is given by its 40 hexadecimal digits.", field="commit")
