"""Files that outlive a process: sources, build artifacts, log archives. A folder or a bucket."""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, S3Store, from_url

from autodeploy.kernel.descriptors import is_exhaustion
from autodeploy.kernel.errors import InvalidInput, NotFound, Unavailable
from autodeploy.kernel.faults import fault_point

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_CHUNK_BYTES = 4 * 1024 * 1024


class ObjectNotFound(NotFound):
    """No object has this key."""

    code = "object_not_found"


class ObjectsAway(Unavailable):
    """The object store does not answer, or not to us."""

    def __init__(self) -> None:
        super().__init__("The object store does not answer.", remedy="Try again in a moment.")


async def start_object_threads() -> None:
    """Make the library's threads now. Made on first use, when no more files may be opened, they
    would fail for the whole life of the process (obstore 0.12, pyo3's one runtime is poisoned)."""
    with contextlib.suppress(NotFoundError, FileNotFoundError):
        await obstore.head_async(MemoryStore(), "none")


@dataclass(frozen=True)
class StoredObject:
    """An object as the store lists it."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectStore:
    """Objects by key. A write is seen whole or not at all."""

    def __init__(self, store: LocalStore | S3Store):
        self._store = store

    @classmethod
    def open(cls, url: str) -> "ObjectStore":
        """Open ``file:///folder`` (made when missing, mode 0700) or ``s3://bucket/prefix``.

        S3 credentials come from the usual AWS variables; ``?endpoint=http://…&region=…`` names
        another server that speaks the protocol. ``gs://`` and ``az://`` work as obstore has them.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            folder = Path(unquote(parts.path))
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls(LocalStore(folder, automatic_cleanup=True))
        if parts.scheme == "s3":
            return cls(_s3(parts.netloc, parts.path.strip("/"), parse_qs(parts.query)))
        if parts.scheme in ("gs", "az"):
            return cls(from_url(url))  # type: ignore[arg-type]
        raise InvalidInput(
            "An object store URL begins with file://, s3://, gs:// or az://.",
            remedy="Set AUTODEPLOY_OBJECTS_URL to such a URL, or unset it to use a local folder.",
        )

    @fault_point("objects.put_bytes")
    async def put_bytes(self, key: str, data: bytes, *, overwrite: bool = True) -> bool:
        """Store bytes. With ``overwrite=False`` an object that is there stays.

        Returns:
            Whether this call stored it. Of several concurrent creations exactly one does.

        Raises ObjectsAway.
        """
        try:
            await obstore.put_async(
                self._store, _checked(key), data, mode="overwrite" if overwrite else "create"
            )
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            if is_exhaustion(error):
                raise
            raise ObjectsAway from error
        return True

    async def get_bytes(self, key: str) -> bytes:
        """The whole object in memory. Raises ObjectNotFound, ObjectsAway."""
        try:
            result = await obstore.get_async(self._store, _checked(key))
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError):
            raise _missing(key) from None
        except (BaseError, OSError) as error:
            if is_exhaustion(error):
                raise
            raise ObjectsAway from error

    @fault_point("objects.put_file")
    async def put_file(self, key: str, path: Path, *, overwrite: bool = True) -> bool:
        """Store a file in parts, without reading it whole.

        Returns:
            Whether this call stored it; False when ``overwrite=False`` and it was there. Two
            concurrent creations may both store: use it for keys that follow from the content.
        """
        if not overwrite and await self.exists(key):
            return False
        await obstore.put_async(self._store, _checked(key), path, chunk_size=_CHUNK_BYTES)
        return True

    @fault_point("objects.put_stream")
    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store what arrives, in parts, in the place of what was there.

        Where ``chunks`` fails, its error is raised and nothing is stored.
        """
        await obstore.put_async(self._store, _checked(key), chunks, chunk_size=_CHUNK_BYTES)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The object in chunks of a few megabytes. Raises ObjectNotFound before the first."""
        try:
            result = await obstore.get_async(self._store, _checked(key))
        except (NotFoundError, FileNotFoundError):
            raise _missing(key) from None
        async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
            yield chunk

    async def get_file(self, key: str, path: Path) -> None:
        """Write the object to a file, which appears whole. Raises ObjectNotFound."""
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".get-", delete=False) as part:
            try:
                async for chunk in self.stream(key):
                    await asyncio.to_thread(part.write, chunk)
                part.close()
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise

    async def exists(self, key: str) -> bool:
        """Whether there is an object with this key."""
        try:
            await obstore.head_async(self._store, _checked(key))
        except (NotFoundError, FileNotFoundError):
            return False
        return True

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """The objects whose keys begin with the segments of ``prefix``, in no order."""
        async for batch in obstore.list(self._store, _checked(prefix)):
            for meta in batch:
                yield StoredObject(meta["path"], meta["size"], meta["last_modified"])

    @fault_point("objects.delete")
    async def delete(self, key: str) -> None:
        """Remove the object; one that is not there is no error."""
        with contextlib.suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, _checked(key))

    @fault_point("objects.delete_below")
    async def delete_below(self, folder: str) -> None:
        """Remove every object whose key begins with ``folder`` and a slash. Idempotent."""
        async for found in self.list(folder):
            await self.delete(found.key)


def _checked(key: str) -> str:
    segments = key.split("/")
    if len(key) > 512 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidInput(
            "An object key is made of segments of letters, digits, '.', '_' and '-'."
        )
    return key


def _missing(key: str) -> ObjectNotFound:
    return ObjectNotFound(f"There is no stored object {key!r}.")


def _s3(bucket: str, prefix: str, query: dict[str, list[str]]) -> S3Store:
    config: S3Config = {}
    client: ClientConfig = {}
    if region := query.get("region"):
        config["region"] = region[0]
    if endpoint := query.get("endpoint"):
        config["endpoint"] = endpoint[0]
        config["virtual_hosted_style_request"] = False
        client["allow_http"] = endpoint[0].startswith("http://")
    return S3Store(bucket, prefix=prefix or None, config=config, client_options=client)
