"""The shapes of what is set at an app's provider otherwise than it was declared."""

from datetime import datetime
from uuid import UUID

from autodeploy.kernel.schema import Input, Schema
from autodeploy.providers.drift import DriftKind
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import EnvironmentName


class DriftItemView(Schema):
    """One thing that is otherwise at a provider. ``name`` is that of a variable, whose values are
    not told; ``declared`` and ``found`` are ids, plans, regions or paths. ``reconcilable`` is
    whether a deployment sets it again."""

    kind: DriftKind
    name: str | None
    declared: str | None
    found: str | None
    reconcilable: bool


class DriftView(Schema):
    """What is set at an environment's provider otherwise than it was declared. ``unread`` are the
    variables whose values the provider does not tell; ``pending`` those that were changed here
    since the release was made, which the next deployment sets."""

    environment: str
    provider: str
    deployment_id: UUID
    items: list[DriftItemView]
    unread: list[str]
    pending: list[str]
    checked_at: datetime


class DriftInput(Input):
    """Which environment is set up again."""

    environment: EnvironmentName = PRODUCTION
