"""What is in a repository at GitHub: branches, commits, trees, files, archives."""

import base64
import binascii
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RefNotFound, RepositoryEmpty
from autodeploy.kernel.http.addresses import same_origin
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.pages import linked, pages
from autodeploy.kernel.http.redirects import location, open_elsewhere
from autodeploy.kernel.http.senders import Sender
from autodeploy.kernel.http.streams import Stream
from autodeploy.providers.github.refusals import expect
from autodeploy.providers.github.shapes import Blob, Branch, Content, Pointer, Tree

_REPOSITORY = "/repos/{owner}/{repo}"
# GitHub truncates a tree at 100,000 entries or 7 MB (docs.github.com, "Git trees", 2026-11).
_TREE_BYTES = 16 * 1024 * 1024
# As JSON it comes with its files, each with its patch.
_COMMIT_BYTES = 32 * 1024 * 1024
# A file of 1 MB in base64; a folder of 1,000 files.
_CONTENT_BYTES = 4 * 1024 * 1024
_NO_COMMIT = {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


@dataclass(frozen=True)
class Archives:
    """How archives are come by, whose addresses GitHub names.

    ``allow_private`` is the operator's choice for those inside the network. ``own_urls`` are where
    the operator has told us to go, wherever that is.
    """

    http: HttpClient
    allow_private: bool
    own_urls: tuple[str, ...]

    def may_be_private(self, address: str) -> bool:
        return self.allow_private or any(same_origin(address, each) for each in self.own_urls)


class Sources:
    """The sources of one repository, which ``parts`` names. Raises as ``GitHubAccount``."""

    def __init__(
        self,
        http: Sender,
        parts: Mapping[str, str],
        archives: Archives,
    ):
        self._http = http
        self._parts = parts
        self._archives = archives

    async def branches(self) -> AsyncIterator[Branch]:
        """All branches, page by page."""
        query = {"per_page": "100"}
        call = Call("GET", f"{_REPOSITORY}/branches", parts=self._parts, query=query)
        async for page in pages(self._http, call, linked):
            for branch in expect(page, HTTPStatus.OK).read(list[Branch]):
                yield branch

    async def commit_of(self, ref: str) -> str:
        """The commit, 40 hexadecimal digits, that a branch, tag or commit names.

        Raises ``RefNotFound`` and ``RepositoryEmpty``.
        """
        call = Call(
            "GET",
            f"{_REPOSITORY}/commits/{{ref}}",
            parts={**self._parts, "ref": ref},
            headers={"Accept": "application/vnd.github.sha"},
            limit_bytes=_COMMIT_BYTES,
        )
        answer = await self._http.send(call)
        if answer.status in _NO_COMMIT:
            raise RefNotFound(
                "The repository has no such branch, tag or commit, or does not show it to the "
                "connected account.",
                remedy="Check its name, and that the account may see the repository.",
            )
        _check_not_empty(answer)
        sha = _sha_in(expect(answer, HTTPStatus.OK))
        if len(sha) != 40 or not set(sha) <= set("0123456789abcdef"):
            raise answer.unusable("it names no commit")
        return sha

    async def tree(self, sha: str) -> Tree:
        """The whole tree of a commit or tree. Look at ``truncated``: it may not be the whole.

        Raises ``RepositoryEmpty``.
        """
        call = Call(
            "GET",
            f"{_REPOSITORY}/git/trees/{{sha}}",
            parts={**self._parts, "sha": sha},
            query={"recursive": "1"},
            lasting=True,
            limit_bytes=_TREE_BYTES,
        )
        answer = await self._http.send(call)
        _check_not_empty(answer)
        return expect(answer, HTTPStatus.OK).read(Tree)

    async def blob(self, sha: str, *, most_bytes: int) -> bytes:
        """The content of a file by the id of its blob.

        Raises ``ProviderUnavailable`` for one that is much larger than ``most_bytes``: it comes as
        base64, which is what is bounded.
        """
        call = Call(
            "GET",
            f"{_REPOSITORY}/git/blobs/{{sha}}",
            parts={**self._parts, "sha": sha},
            lasting=True,
            limit_bytes=most_bytes * 3 // 2 + 4096,
        )
        answer = await self._http.send(call)
        blob = expect(answer, HTTPStatus.OK).read(Blob)
        return _decoded(answer, blob.content, blob.encoding)

    async def file(self, path: str, ref: str, *, most_bytes: int) -> bytes:
        """The content of a file at a branch, tag or commit. Raises ``NotFound``; as ``blob``."""
        call = Call(
            "GET",
            f"{_REPOSITORY}/contents/{{path}}",
            parts={**self._parts, "path": path},
            query={"ref": ref},
            limit_bytes=_CONTENT_BYTES,
        )
        answer = expect(await self._http.send(call), HTTPStatus.OK)
        if isinstance(answer.json(), list):
            raise NotFound(f"{path} is a folder.", field="path")
        content = answer.read(Content)
        if content.type != "file":
            raise NotFound(f"{path} is no file.", field="path")
        if content.encoding == "none":
            return await self.blob(content.sha, most_bytes=most_bytes)
        return _decoded(answer, content.content, content.encoding)

    @asynccontextmanager
    async def archive(self, sha: str, *, most_bytes: int) -> AsyncIterator[Stream]:
        """The sources of a commit as a ``.tar.gz``, below one folder.

        GitHub names an address elsewhere, which is valid for five minutes and gets no token.

        Raises ``AddressRefused`` where it is inside the operator's network, and not where the API
        or the pages are.
        """
        parts = {**self._parts, "ref": sha}
        call = Call("GET", f"{_REPOSITORY}/tarball/{{ref}}", parts=parts, moved=True)
        answer = expect(await self._http.send(call), HTTPStatus.FOUND)
        address = self._http.service.here(location(answer))
        async with open_elsewhere(
            self._archives.http,
            address,
            limit_bytes=most_bytes,
            allow_private=self._archives.may_be_private(address),
        ) as stream:
            yield stream


def _check_not_empty(answer: Answer) -> None:
    if answer.status == HTTPStatus.CONFLICT:
        raise RepositoryEmpty(
            "The repository has no commit.", remedy="Push a commit, then try again."
        )


def _sha_in(answer: Answer) -> str:
    """The id of a commit, by itself as asked for, or in JSON: both are described."""
    if "json" in answer.headers.get("content-type", ""):
        return answer.read(Pointer).sha
    return answer.body.decode("ascii", "replace").strip()


def _decoded(answer: Answer, content: str, encoding: str) -> bytes:
    if encoding == "utf-8":
        return content.encode()
    try:
        if encoding == "base64":
            return base64.b64decode(content)
    except (binascii.Error, ValueError):
        pass
    raise answer.unusable("its content is encoded in another way")
