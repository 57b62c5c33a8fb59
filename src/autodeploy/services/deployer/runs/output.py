"""What a one-off command prints, on its way to those who watch it."""

import contextlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, update

from autodeploy.kernel.db import DatabaseAway
from autodeploy.kernel.redaction import Redactor
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.log_lines import LogLine
from autodeploy.services.deployer.logs import LinePipeline
from autodeploy.services.deployer.runs.announcements import announce_news
from autodeploy.services.deployer.runs.models import Run, RunLine, RunStatus
from autodeploy.services.deployer.transitions import LeaseLost


class RunOutput(LinePipeline):
    """The lines of one command, for as long as its row says that it runs."""

    def __init__(self, resources: Resources, run_id: UUID, redactor: Redactor):
        super().__init__(redactor)
        self._resources = resources
        self._run_id = run_id

    async def print(self, stream: str, text: str) -> None:
        """Take a line, or wait while PostgreSQL is away; satisfies ``providers.base.OutputSink``.

        A command that does not count as running any more is stopped by its worker's next pass, so
        until then its lines are only dropped.
        """
        with contextlib.suppress(LeaseLost):
            try:
                await self.write("info", stream, text)
            except DatabaseAway:
                await self.stored()

    async def _append(self, batch: Sequence[LogLine]) -> None:
        async with announcing(self._resources) as transaction:
            row = (
                await transaction.session.execute(
                    update(Run)
                    .where(Run.id == self._run_id, Run.status == RunStatus.RUNNING)
                    .values(line_sequence=Run.line_sequence + len(batch))
                    .returning(Run.line_sequence, Run.organization_id)
                )
            ).first()
            if row is None:
                raise LeaseLost
            numbered = [
                {
                    "run_id": self._run_id,
                    "organization_id": row.organization_id,
                    "sequence": sequence,
                    "timestamp": line.timestamp,
                    "stream": line.source,
                    "message": line.message,
                }
                for sequence, line in enumerate(batch, row.line_sequence - len(batch) + 1)
            ]
            await transaction.session.execute(insert(RunLine), numbered)
            announce_news(transaction, self._run_id)
