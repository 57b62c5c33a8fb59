"""Log lines of a deployment: numbered and stored first, then published."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, text, update

from autodeploy.kernel.clock import now
from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.redaction import Redactor
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.sandbox.lines import MAX_LINE_CHARACTERS
from autodeploy.services.deployer.announcements import Announcing, announcing, log_channel
from autodeploy.services.deployer.leases import Lease
from autodeploy.services.deployer.log_lines import LogLine, OutputLimit, line_message
from autodeploy.services.deployer.models import Deployment
from autodeploy.services.deployer.transitions import LeaseLost

FLUSH_SECONDS = 0.05
BATCH_LINES = 500
LINE_LIMIT_BYTES = 16 * 1024
CUT_MARK = " … [cut]"
# ECMA-48: control sequences (colours), operating system commands (titles), and two-byte escapes.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_WAITING_LIMIT = 4 * BATCH_LINES
_LEVELS = frozenset({"debug", "info", "warn", "error"})
# The column's width; a provider's longer name for a source is cut, not refused.
_SOURCE_LENGTH = 50

_COLUMNS = ("sequence", "timestamp", "level", "source", "message")
# As quick as COPY, which PostgreSQL refuses where row-level security holds: one statement, of
# arrays, takes half as long for a full batch as one of many rows.
_INSERT = text("""
    INSERT INTO deployment_logs
        (deployment_id, organization_id, sequence, timestamp, level, source, message)
    SELECT CAST(:deployment_id AS uuid), CAST(:organization_id AS uuid), line.*
    FROM unnest(
        CAST(:sequence AS bigint[]), CAST(:timestamp AS timestamptz[]), CAST(:level AS text[]),
        CAST(:source AS text[]), CAST(:message AS text[])
    ) AS line
""")


def clean_line(redactor: Redactor, text: str) -> str:
    """The line as it may be stored: no secret, nothing that PostgreSQL refuses, not too long."""
    # First what is dropped: it could hide a secret from the redactor.
    text = redactor.line(text.rstrip("\r\n").replace("\x00", ""))
    return _cut(_without_hidden(redactor, text))


class LineCleaner:
    """``clean_line`` for the lines of one stream, where long lines come in pieces.

    A secret may lie across two pieces: its beginning is held back and comes with the next one.
    """

    def __init__(self, redactor: Redactor):
        self._redactor = redactor
        self._open = False

    def clean(self, text: str) -> str:
        """The next line, or piece of one, as it may be stored."""
        goes_on = len(text) >= MAX_LINE_CHARACTERS
        if not goes_on and not self._open:
            return clean_line(self._redactor, text)
        self._open = goes_on
        shown = self._redactor.feed(text.rstrip("\r\n").replace("\x00", ""))
        return _cut(shown if goes_on else shown + self._redactor.flush())


def _without_hidden(redactor: Redactor, text: str) -> str:
    """Without the terminal's escapes, where these stood inside a secret."""
    if "\x1b" not in text:
        return text
    plain = _ESCAPE.sub("", text)
    redacted = redactor.line(plain)
    return text if redacted == plain else redacted


def _cut(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= LINE_LIMIT_BYTES:
        return data.decode()
    return data[:LINE_LIMIT_BYTES].decode("utf-8", "ignore") + CUT_MARK


async def append_lines(
    transaction: Announcing,
    deployment_id: UUID,
    lines: Sequence[LogLine],
    condition: ColumnElement[bool],
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Number and store lines if ``condition`` holds on the deployment's row; whether it did.

    ``values`` are columns of the deployment that are set in the same statement.
    """
    row = (
        await transaction.session.execute(
            update(Deployment)
            .where(Deployment.id == deployment_id, condition)
            .values(**(values or {}), log_sequence=Deployment.log_sequence + len(lines))
            .returning(Deployment.log_sequence, Deployment.organization_id)
        )
    ).first()
    if row is None:
        return False
    last, organization_id = row
    if not lines:
        return True
    numbered = [
        {
            "sequence": sequence,
            "timestamp": line.timestamp,
            "level": line.level if line.level in _LEVELS else "info",
            "source": line.source[:_SOURCE_LENGTH],
            "message": line.message,
        }
        for sequence, line in enumerate(lines, last - len(lines) + 1)
    ]
    columns = {name: [line[name] for line in numbered] for name in _COLUMNS}
    owners = {"deployment_id": deployment_id, "organization_id": organization_id}
    await transaction.session.execute(_INSERT, owners | columns)
    messages = [line_message(deployment_id, line) for line in numbered]
    transaction.announce(log_channel(deployment_id), as_batch(messages))
    return True


def as_batch(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One message for several lines; a single line is a message by itself."""
    if len(messages) == 1:
        return dict(messages[0])
    last = messages[-1]
    return {
        "type": "deployment.log",
        "deploymentId": last["deploymentId"],
        "sequence": last["sequence"],
        "lines": list(messages),
    }


class LinePipeline(ABC):
    """Lines on their way to PostgreSQL: cleaned, in batches, in order.

    ``write`` waits when PostgreSQL cannot keep up; of a flood only the beginning and the end are
    kept (``OutputLimit``). When the lease is lost ``write`` and ``flush`` raise ``LeaseLost``.
    """

    def __init__(self, redactor: Redactor):
        self.redactor = redactor
        self._waiting: list[LogLine] = []
        self._limit = OutputLimit()
        self._storing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._error: Exception | None = None
        self._task = asyncio.create_task(self._store_forever())

    @property
    def redactor(self) -> Redactor:
        """What hides the secrets; it is replaced when there are more of them."""
        return self._redactor

    @redactor.setter
    def redactor(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._cleaners: dict[str, LineCleaner] = {}

    async def write(self, level: str, source: str, message: str) -> None:
        """Take a line, or several; satisfies ``providers.base.LogSink``."""
        cleaner = self._cleaners.setdefault(source, LineCleaner(self._redactor))
        for line in message.split("\n"):
            text = cleaner.clean(line)
            self._waiting += self._limit.take(LogLine(now(), level, source, text))
        self._wake.set()
        if self._error is not None:
            raise self._error
        if len(self._waiting) >= _WAITING_LIMIT:
            await self._store_waiting()

    __call__ = write

    async def stored(self) -> None:
        """Wait until every line written so far is stored, also while PostgreSQL is away.

        Satisfies ``providers.base.KeptLog``.
        """
        while True:
            try:
                return await self._store_waiting()
            except DatabaseAway:
                await asyncio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Return when every line written so far is stored, or left out for good."""
        self._waiting += self._limit.end()
        await self._store_waiting()

    async def close(self) -> None:
        """Store what is left and stop. Does not raise: the run's outcome is decided elsewhere."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _store_forever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(FLUSH_SECONDS)
            self._wake.clear()
            try:
                await self._store_waiting()
            except LeaseLost as lost:
                self._error = lost
                return
            except Exception:  # PostgreSQL is away: the lines wait and are tried again
                self._wake.set()

    async def _store_waiting(self) -> None:
        while self._waiting:
            await self._store()

    async def _store(self) -> None:
        async with self._storing:
            batch = self._waiting[:BATCH_LINES]
            if not batch:
                return
            await self._append(batch)
            # Only now: a batch whose commit failed is stored again.
            del self._waiting[: len(batch)]

    @abstractmethod
    async def _append(self, batch: Sequence[LogLine]) -> None:
        """Number and store lines. Raises ``LeaseLost``."""


class LogPipeline(LinePipeline):
    """The log of one run of a deployment, under the run's fence."""

    def __init__(self, resources: Resources, lease: Lease, redactor: Redactor):
        super().__init__(redactor)
        self._resources = resources
        self._lease = lease

    async def _append(self, batch: Sequence[LogLine]) -> None:
        async with announcing(self._resources) as transaction:
            if not await append_lines(
                transaction, self._lease.deployment_id, batch, Deployment.fence == self._lease.fence
            ):
                raise LeaseLost
