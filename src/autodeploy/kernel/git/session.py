"""One conversation with a git server, and the throw-away repository that it fills."""

import asyncio
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autodeploy.kernel.git.command import OUTPUT_LIMIT_BYTES, GitFailed, git_environment, run_git
from autodeploy.kernel.git.connection import Connection, connect
from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.kernel.git.failures import explain, is_redirect, refuses_the_request
from autodeploy.kernel.git.redirects import redirected
from autodeploy.kernel.git.refs import (
    RemoteRefs,
    is_abbreviated_sha,
    is_full_sha,
    parse_ls_remote,
)
from autodeploy.kernel.git.urls import RemoteUrl
from autodeploy.kernel.http.addresses import check_address

_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
_NO_CONTENT = "--filter=blob:none"
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


@dataclass(frozen=True)
class Limits:
    """What one call may cost.

    Args:
        listing_seconds: time of an answer about refs, for which a person waits.
        transfer_seconds: time of a transfer of files.
        transfer_bytes: size of what is transferred.
        files_bytes: size of the files of a commit.
        files: their count.
    """

    listing_seconds: float = 20.0
    transfer_seconds: float = 900.0
    transfer_bytes: int = 2_000_000_000
    files_bytes: int = 4_000_000_000
    files: int = 300_000


async def open_connection(
    remote: RemoteUrl, folder: Path, ssh_identity: Path | None, allow_private: bool
) -> Connection:
    """Check the addresses of ``remote`` and pin git to them."""
    addresses = await check_address(remote.host, remote.port, allow_private)
    return connect(remote, addresses, folder, ssh_identity, allow_http=allow_private)


@dataclass
class RemoteSession:
    """``folder`` holds the repository and what the connection needs; its maker removes it."""

    remote: RemoteUrl
    folder: Path
    connection: Connection
    ssh_identity: Path | None
    allow_private: bool
    limits: Limits

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    async def initialise(self) -> None:
        """Make the empty repository, in the place of one that was there."""
        await asyncio.to_thread(shutil.rmtree, self.repository, ignore_errors=True)
        self.repository.mkdir()
        await self.git("init", "--quiet", "--bare", "--template=", ".")

    async def git(
        self,
        *command: str,
        stdin: bytes | None = None,
        cwd: Path | None = None,
        output_limit_bytes: int = OUTPUT_LIMIT_BYTES,
    ) -> bytes:
        """Run git on this session's repository; it can reach no server."""
        return await run_git(
            self.connection.arguments("--git-dir", str(self.repository), *command),
            environment={**git_environment(self.folder), "GIT_ALLOW_PROTOCOL": ""},
            cwd=cwd or self.repository,
            timeout_seconds=self.limits.transfer_seconds,
            stdin=stdin,
            output_limit_bytes=output_limit_bytes,
        )

    async def list_refs(self, ref: str | None) -> RemoteRefs:
        """HEAD and what ``ref`` may name; all branches and tags without a ref."""
        wanted = ["HEAD", "refs/heads/*", "refs/tags/*"] if ref is None else ["HEAD"]
        for name in _full_names(ref) if ref else ():
            wanted += [name, f"{name}^{{}}"]
        output = await self._talk(
            ("ls-remote", "--symref", "origin", *wanted), self.limits.listing_seconds
        )
        return parse_ls_remote(output)

    async def commit_of(self, name: str, listed: RemoteRefs) -> str:
        """The commit that ``name`` stands for: itself, a branch, a tag, or a short commit id.

        Raises:
            RefNotFound: nothing has this name, or more than one commit.
        """
        if is_full_sha(name):
            return name.lower()
        for full in _full_names(name):
            if commit := listed.commit_of(full):
                return commit
        if is_abbreviated_sha(name):
            return await self._expand(name.lower())
        raise self._ref_not_found(name)

    async def fetch(self, commit: str, ref: str | None, *, names_only: bool = False) -> None:
        """Bring ``commit`` here: at depth 1, or everything when the server gives no bare ids.

        Args:
            names_only: leave out what is in the files, where the server can.

        Raises:
            RefNotFound: no branch or tag of the repository leads to the commit.
        """
        shallow = (*_FETCH, "--depth=1", *([_NO_CONTENT] if names_only else []), "origin")
        for wanted in (commit, *_full_names(ref or "")):
            if await self._tries((*shallow, wanted)) and await self._has(commit):
                return
        # The attempts left a shallow boundary, which would cut the history short, and with a
        # filter a promise that missing objects can be had, which a dumb server makes git chase
        # for ever.
        await self.initialise()
        await self._talk((*_FETCH, "origin", *_EVERYTHING), self.limits.transfer_seconds)
        if not await self._has(commit):
            raise self._ref_not_found(commit)

    async def fetch_blobs(self, blobs: Iterable[bytes]) -> bool:
        """Bring the content of files here, all in one request; False when the server refuses."""
        settings = ("-c", "fetch.negotiationAlgorithm=noop")
        return await self._tries(
            (*settings, *_FETCH, _NO_CONTENT, "--stdin", "origin"), stdin=b"\n".join(blobs) + b"\n"
        )

    async def _expand(self, abbreviated: str) -> str:
        """The one commit that begins so, found in the history without its files."""
        without_files = "--filter=tree:0"
        smart = await self._tries((*_FETCH, "--depth=1", without_files, "origin", "HEAD"))
        await self.initialise()
        command = (*_FETCH, *([without_files] if smart else []), "origin", *_EVERYTHING)
        await self._talk(command, self.limits.transfer_seconds)
        try:
            found = await self.git("rev-parse", "--verify", "--quiet", f"{abbreviated}^{{commit}}")
        except GitFailed as failure:
            raise self._ref_not_found(abbreviated) from failure
        return found.decode().strip()

    async def _has(self, commit: str) -> bool:
        try:
            await self.git("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    async def _tries(self, command: Sequence[str], stdin: bytes | None = None) -> bool:
        """Whether the server grants a transfer. Raises when it fails for another reason."""
        try:
            await self._run_following(command, self.limits.transfer_seconds, stdin)
        except GitFailed as failure:
            if not refuses_the_request(failure):
                raise explain(failure, self.remote) from failure
            return False
        return True

    async def _talk(self, command: Sequence[str], seconds: float) -> bytes:
        try:
            return await self._run_following(command, seconds)
        except GitFailed as failure:
            raise explain(failure, self.remote) from failure

    async def _run_following(
        self, command: Sequence[str], seconds: float, stdin: bytes | None = None
    ) -> bytes:
        """Run git with the server; when it redirects, check where to and run it again there."""
        try:
            return await self._run(command, seconds, stdin)
        except GitFailed as failure:
            if not is_redirect(failure):
                raise
        self.remote = await redirected(self.remote, allow_private=self.allow_private)
        self.connection = await open_connection(
            self.remote, self.folder, self.ssh_identity, self.allow_private
        )
        return await self._run(command, seconds, stdin)

    async def _run(
        self, command: Sequence[str], seconds: float, stdin: bytes | None = None
    ) -> bytes:
        return await run_git(
            self.connection.arguments("--git-dir", str(self.repository), *command),
            environment={**git_environment(self.folder), **self.connection.environment},
            cwd=self.repository,
            timeout_seconds=seconds,
            stdin=stdin,
            folder_limit_bytes=self.limits.transfer_bytes,
        )

    def _ref_not_found(self, name: str) -> RefNotFound:
        return RefNotFound(
            f"{self.remote.full_name} has no branch, tag or commit {name!r}.",
            field="branch",
            remedy="Check the name, and that it was pushed.",
        )


def _full_names(ref: str) -> tuple[str, ...]:
    if ref.startswith("refs/") or ref == "HEAD":
        return (ref,)
    if not ref or is_full_sha(ref):
        return ()
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")
