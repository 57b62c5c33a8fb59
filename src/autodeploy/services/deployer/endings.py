"""How a run ends that did not succeed."""

from dataclasses import asdict, dataclass
from typing import Any

from autodeploy.services.deployer.journal import Journal
from autodeploy.services.deployer.states import DeploymentStatus, StepName, StepStatus

# Where the step that gives the traffic has noted how the run ends that gives it back.
_ENDING = "ending"


@dataclass(frozen=True)
class Ending:
    """How a run that did not succeed ends: the status of the deployment with other columns of its
    row, and of its steps."""

    target: DeploymentStatus
    running: StepStatus
    pending: StepStatus
    values: dict[str, Any]
    metadata: dict[str, Any]

    async def note(self, journal: Journal) -> None:
        """Raises ``LeaseLost``."""
        await journal.record(StepName.VERIFY_HEALTH, {_ENDING: asdict(self)})

    @classmethod
    def noted(cls, journal: Journal) -> "Ending | None":
        """That which an earlier run has begun."""
        noted = journal.resources_of(StepName.VERIFY_HEALTH).get(_ENDING)
        if noted is None:
            return None
        return cls(
            target=DeploymentStatus(noted["target"]),
            running=StepStatus(noted["running"]),
            pending=StepStatus(noted["pending"]),
            values=noted["values"],
            metadata=noted["metadata"],
        )
