"""What the platform holds at providers, as callers see it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from autodeploy.kernel.schema import Schema
from autodeploy.providers.resources import ResourceKind
from autodeploy.services.deployer.schemas import ProjectReference


class HeldKind(StrEnum):
    """What a project can hold."""

    RELEASE = "release"
    BUILD = "build"
    DATABASE = "database"
    BACKUP = "backup"


class HeldState(StrEnum):
    """What it is there for.

    ``live``: what has traffic, and its build and databases. ``standby``: a release that runs
    without traffic until it is found well. ``kept``: a build for a rollback, a backup, a database
    whose environment has no release, which the next deployment uses. ``half_made``: its making was
    begun and is not recorded as done; whoever goes on adopts it. ``leaving``: it is being removed.
    """

    LIVE = "live"
    STANDBY = "standby"
    KEPT = "kept"
    HALF_MADE = "half_made"
    LEAVING = "leaving"


class HeldView(Schema):
    """Something at a provider that a row accounts for.

    ``deployment_id`` is the deployment that made it, None for databases and backups.
    ``external_id`` is None until the provider is known to have it.
    """

    id: UUID
    kind: HeldKind
    state: HeldState
    project: ProjectReference
    environment: str
    provider: str
    external_id: str | None
    deployment_id: UUID | None
    size_bytes: int | None
    created_at: datetime


class OrphanView(Schema):
    """Something at a provider that no row accounts for. ``found_at`` is when that was noticed;
    with ``removal_requested_at`` it is being removed."""

    id: UUID
    kind: ResourceKind
    provider: str
    external_id: str
    size_bytes: int | None
    made_at: datetime
    found_at: datetime = Field(validation_alias="created_at")
    removal_requested_at: datetime | None
