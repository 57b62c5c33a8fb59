"""What a run writes of its steps: each write names the run's fence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from autodeploy.kernel import telemetry
from autodeploy.kernel.clock import now
from autodeploy.kernel.resources import Resources
from autodeploy.services.deployer.announcements import Announcing, announcing
from autodeploy.services.deployer.leases import Lease
from autodeploy.services.deployer.models import Deployment, DeploymentStep
from autodeploy.services.deployer.states import DeploymentStatus, StepName, StepStatus
from autodeploy.services.deployer.transitions import (
    append_event,
    change_status,
    change_step,
    hold,
)

STEP_STATUS: dict[StepName, DeploymentStatus] = {
    StepName.ANALYZE_REPOSITORY: DeploymentStatus.BUILDING,
    StepName.PROVISION_DATABASE: DeploymentStatus.BUILDING,
    StepName.BUILD_APPLICATION: DeploymentStatus.BUILDING,
    StepName.DEPLOY_TO_PROVIDER: DeploymentStatus.DEPLOYING,
    StepName.VERIFY_HEALTH: DeploymentStatus.DEPLOYING,
}
_ORDER = (DeploymentStatus.QUEUED, DeploymentStatus.BUILDING, DeploymentStatus.DEPLOYING)
# Where a step's resources hold what its provider has noted.
_NOTES = "notes"
DONE = frozenset({StepStatus.SUCCEEDED, StepStatus.SKIPPED})


class EnvironmentBusy(Exception):
    """Another deployment of the environment runs."""


class Journal:
    """The steps of one leased deployment, in the database and as last seen."""

    def __init__(
        self,
        resources: Resources,
        lease: Lease,
        status: DeploymentStatus,
        steps: Mapping[StepName, DeploymentStep],
    ):
        self._resources = resources
        self._lease = lease
        self._status = status
        self._steps = steps

    def is_done(self, name: StepName) -> bool:
        return self._steps[name].status in DONE

    def is_running(self, name: StepName) -> bool:
        return self._steps[name].status == StepStatus.RUNNING

    def resources_of(self, name: StepName) -> dict[str, Any]:
        """What the step has made so far, also in an earlier run."""
        return dict(self._steps[name].resources)

    async def begin(self, name: StepName) -> None:
        """Mark the step as running and bring the deployment to the status that it belongs to.

        Raises ``LeaseLost`` and ``EnvironmentBusy``.
        """
        target = STEP_STATUS[name]
        moment = now()
        try:
            async with announcing(self._resources) as transaction:
                await hold(transaction.session, self._lease.deployment_id, self._lease.fence)
                values = {"started_at": moment, "attempt": DeploymentStep.attempt + 1}
                await change_step(
                    transaction.session,
                    self._lease.deployment_id,
                    name,
                    StepStatus.RUNNING,
                    values,
                )
                await self._advance(transaction, target, name)
        except IntegrityError as error:
            if "uq_deployments_running" in str(error.orig):
                raise EnvironmentBusy from error
            raise
        self._status = target
        self._set(name, StepStatus.RUNNING)
        self._steps[name].started_at = moment

    async def end(self, name: StepName, status: StepStatus) -> None:
        """Mark the step as succeeded or skipped. Raises ``LeaseLost``."""
        seconds = _seconds_since(self._steps[name].started_at)
        async with announcing(self._resources) as transaction:
            await self.end_within(transaction, name, status)
        telemetry.STEP_SECONDS.labels(name.value, status.value).observe(seconds)

    async def end_within(self, transaction: Announcing, name: StepName, status: StepStatus) -> None:
        """``end`` as a part of a larger transaction."""
        await hold(transaction.session, self._lease.deployment_id, self._lease.fence)
        values = {
            "completed_at": now(),
            "actual_seconds": round(_seconds_since(self._steps[name].started_at), 3),
        }
        await change_step(transaction.session, self._lease.deployment_id, name, status, values)
        self._set(name, status)
        await self._announce_progress(transaction, name)

    async def record(self, name: StepName, made: Mapping[str, Any]) -> None:
        """Keep what the step made, before anything else is done. Raises ``LeaseLost``."""
        merged = {**self._steps[name].resources, **made}
        async with self._resources.db.transaction() as session:
            await hold(session, self._lease.deployment_id, self._lease.fence)
            await session.execute(
                update(DeploymentStep)
                .where(
                    DeploymentStep.deployment_id == self._lease.deployment_id,
                    DeploymentStep.name == name,
                )
                .values(resources=merged)
            )
        self._steps[name].resources = merged

    def notes(self, name: StepName) -> "StepNotes":
        """What a provider notes of the step, beside what the step records itself."""
        return StepNotes(self, name)

    async def set_columns(self, deployment: Deployment, values: Mapping[str, Any]) -> None:
        """Set columns of the deployment, in the row and in the object. Raises ``LeaseLost``."""
        async with self._resources.db.transaction() as session:
            await hold(session, self._lease.deployment_id, self._lease.fence)
            await session.execute(
                update(Deployment).where(Deployment.id == deployment.id).values(**values)
            )
        for key, value in values.items():
            setattr(deployment, key, value)

    async def report_progress(self, name: StepName) -> None:
        """Tell subscribers how far the running step is, by its estimate. Raises ``LeaseLost``."""
        async with announcing(self._resources) as transaction:
            await self._announce_progress(transaction, name)

    async def _announce_progress(self, transaction: Announcing, name: StepName) -> None:
        progress, eta = self.progress()
        details = {"stage": name.value, "progress": progress, "eta": eta}
        await append_event(
            transaction,
            self._lease.deployment_id,
            "deployment.build",
            details,
            fence=self._lease.fence,
        )

    def progress(self) -> tuple[float, int]:
        """The part that is done, from 0 to 1, and the estimated seconds that are left."""
        return progress_of(list(self._steps.values()))

    async def _advance(
        self, transaction: Announcing, target: DeploymentStatus, step: StepName
    ) -> None:
        progress, _ = self.progress()
        path = _ORDER[_ORDER.index(self._status) + 1 : _ORDER.index(target) + 1]
        for status in path:
            await change_status(
                transaction,
                self._lease.deployment_id,
                status,
                fence=self._lease.fence,
                step=step.value,
                progress=progress,
            )
        if not path:
            await append_event(
                transaction,
                self._lease.deployment_id,
                "deployment.status",
                {"status": target.value, "step": step.value, "progress": progress},
                fence=self._lease.fence,
            )

    def _set(self, name: StepName, status: StepStatus) -> None:
        self._steps[name].status = status


def progress_of(steps: list[DeploymentStep]) -> tuple[float, int]:
    """The part that is done, from 0 to 1, and the estimated seconds that are left.

    A running step counts by the time it has taken, and never as quite done.
    """
    counted = [step for step in steps if step.status != StepStatus.SKIPPED]
    total = sum(step.estimated_seconds for step in counted)
    done = 0.0
    for step in counted:
        if step.status == StepStatus.SUCCEEDED:
            done += step.estimated_seconds
        elif step.status == StepStatus.RUNNING and step.started_at is not None:
            done += min(_seconds_since(step.started_at), 0.95 * step.estimated_seconds)
    if not total:
        return 1.0, 0
    return round(done / total, 3), round(total - done)


def _seconds_since(moment: datetime | None) -> float:
    """Never negative: the clock may have been set back."""
    return max(0.0, (now() - moment).total_seconds()) if moment else 0.0


def by_name(steps: list[DeploymentStep]) -> dict[StepName, DeploymentStep]:
    """The steps of one deployment, keyed."""
    return {StepName(step.name): step for step in steps}


class StepNotes:
    """``providers.base.Notes`` in the journal of a deployment."""

    def __init__(self, journal: Journal, step: StepName):
        self._journal = journal
        self._step = step

    @property
    def values(self) -> Mapping[str, Any]:
        noted: Mapping[str, Any] = self._journal.resources_of(self._step).get(_NOTES, {})
        return noted

    async def keep(self, **values: Any) -> None:
        """Raises ``LeaseLost``."""
        await self._journal.record(self._step, {_NOTES: {**self.values, **values}})
