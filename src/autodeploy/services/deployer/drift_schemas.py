"""The shapes of what is set at an app's provider otherwise than it was declared."""

from datetime import datetime
from uuid import UUID

from autodeploy.kernel.schema import Input, Schema
from autodeploy.providers.drift import DriftKind
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import EnvironmentName


class DriftItemView(Schema):
    """One thing that is otherwise at a provider. ``name`` is that of a variable, whose values are
    not told, of a domain, of a database or of what runs beside the app; ``declared`` and ``found``
    are such as ids, plans, commands or paths, without secrets. ``reconcilable`` is whether
    reconciling sets it again; ``remedy`` says what does where that is not so, unless it is only to
    be changed back there."""

    kind: DriftKind
    provider: str
    name: str | None
    declared: str | None
    found: str | None
    reconcilable: bool
    remedy: str | None


class UnaskedView(Schema):
    """A database whose provider does not tell how it is, and why."""

    name: str
    provider: str
    reason: str


class DriftView(Schema):
    """What is set at an environment's providers otherwise than it was declared. ``unread`` are the
    variables whose values the provider does not tell; ``pending`` those that were changed here
    since the release was made, which the next deployment sets; ``unasked`` are databases."""

    environment: str
    provider: str
    deployment_id: UUID
    items: list[DriftItemView]
    unread: list[str]
    pending: list[str]
    unasked: list[UnaskedView]
    checked_at: datetime


class DriftInput(Input):
    """Which environment is set up again."""

    environment: EnvironmentName = PRODUCTION
