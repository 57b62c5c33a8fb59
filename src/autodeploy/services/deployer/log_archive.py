"""Lines of a log as compressed objects, and back: one JSON object a line, in Zstandard."""

import asyncio
import json
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
import zstandard

from autodeploy.kernel.objects import ObjectNotFound
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.log_filter import LogFilter
from autodeploy.services.deployer.log_lines import OWN_SOURCE, line_message
from autodeploy.services.deployer.log_models import DeploymentLog, DeploymentLogArchive

FOLDER = "logs"
# What a reader unpacks at a time.
SEGMENT_LINES = 5000
SEGMENT_BYTES = 4 * 1024**2
_LEVEL = 3

_log = structlog.get_logger(__name__)


class UnreadableLines(dict[str, Any]):
    """A line that stands for those of an object that is missing or damaged. Every filter lets it
    through: nobody knows whether what it stands for was looked for."""


class _Damaged(Exception):
    """The object does not hold the lines that its row tells of."""


class Packer:
    """Takes lines in their order until one object is full."""

    def __init__(self) -> None:
        self._taken: list[bytes] = []
        self._size = 0
        self._levels: set[str] = set()
        self._sources: set[str] = set()
        self._first: DeploymentLog | None = None
        self._times: tuple[datetime, datetime] | None = None

    def take(self, row: DeploymentLog) -> bool:
        """Whether the line found room. A line whose number does not continue begins another."""
        packed = _packed(row)
        first = self._first or row
        if self._taken and (
            len(self._taken) >= SEGMENT_LINES
            or self._size + len(packed) > SEGMENT_BYTES
            or row.sequence != first.sequence + len(self._taken)
        ):
            return False
        earliest, latest = self._times or (row.timestamp, row.timestamp)
        self._times = min(earliest, row.timestamp), max(latest, row.timestamp)
        self._first = first
        self._taken.append(packed)
        self._size += len(packed)
        self._levels.add(row.level)
        self._sources.add(row.source)
        return True

    def finish(self) -> tuple[DeploymentLogArchive, bytes] | None:
        """The row and the object of what was taken; None when that is nothing. The same lines
        have the same key, so that an interrupted attempt is replaced by the next."""
        if self._first is None or self._times is None:
            return None
        data = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(
            b"".join(self._taken)
        )
        first, last = self._first.sequence, self._first.sequence + len(self._taken) - 1
        archive = DeploymentLogArchive(
            deployment_id=self._first.deployment_id,
            organization_id=self._first.organization_id,
            first=first,
            last=last,
            key=f"{folder_of(self._first.deployment_id)}/{first}-{last}.jsonl.zst",
            size_bytes=len(data),
            first_timestamp=self._times[0],
            last_timestamp=self._times[1],
            levels=sorted(self._levels),
            sources=sorted(self._sources),
        )
        return archive, data


def folder_of(deployment_id: UUID) -> str:
    """Where the archived lines of a deployment are stored."""
    return f"{FOLDER}/{deployment_id}"


async def read_archive(
    resources: Resources,
    archive: DeploymentLogArchive,
    *,
    after: int,
    limit: int,
    wanted: LogFilter,
    newest: bool = False,
) -> list[dict[str, Any]]:
    """As ``log_reader.read_lines``, of one object. What cannot be read is one line that says so;
    raises ``Unavailable`` where the object store does not answer."""
    try:
        data = await resources.objects.get_bytes(archive.key)
        # Not in the loop's thread: unpacking takes some milliseconds.
        return await asyncio.to_thread(_select, archive, data, after, limit, wanted, newest)
    except ObjectNotFound:
        return [_unreadable(archive, "missing from the object store")]
    except _Damaged:
        return [_unreadable(archive, "damaged")]


def _select(
    archive: DeploymentLogArchive,
    data: bytes,
    after: int,
    limit: int,
    wanted: LogFilter,
    newest: bool,
) -> list[dict[str, Any]]:
    packed = _unpack(archive, data)[max(0, after - archive.first + 1) :]
    try:
        lines = (_unpacked(archive, each) for each in (reversed(packed) if newest else packed))
        chosen = list(islice(filter(wanted.matches, lines), limit))
    except (ValueError, KeyError, TypeError) as error:
        raise _Damaged from error
    return chosen[::-1] if newest else chosen


def _packed(row: DeploymentLog) -> bytes:
    line = {
        "sequence": row.sequence,
        "timestamp": row.timestamp.isoformat(),
        "level": row.level,
        "source": row.source,
        "message": row.message,
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _unpack(archive: DeploymentLogArchive, data: bytes) -> list[bytes]:
    """Every line of the object, as JSON."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            text = reader.read(SEGMENT_BYTES + 1)
    except zstandard.ZstdError as error:
        raise _Damaged from error
    packed = text.split(b"\n")[:-1]
    if len(packed) != archive.last - archive.first + 1:
        raise _Damaged
    return packed


def _unpacked(archive: DeploymentLogArchive, packed: bytes) -> dict[str, Any]:
    line = json.loads(packed)
    moment = datetime.fromisoformat(line["timestamp"])
    return line_message(archive.deployment_id, {**line, "timestamp": moment})


def _unreadable(archive: DeploymentLogArchive, why: str) -> UnreadableLines:
    _log.warning("logs.unreadable", key=archive.key, why=why)
    return UnreadableLines(
        line_message(
            archive.deployment_id,
            {
                "sequence": archive.last,
                "timestamp": archive.last_timestamp,
                "level": "error",
                "source": OWN_SOURCE,
                "message": f"Lines {archive.first} to {archive.last} cannot be shown: their "
                f"archive {archive.key} is {why}.",
            },
        )
    )
