"""What Render's API answers of databases, as far as it is used: see ``shapes``."""

from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, Field

from autodeploy.kernel.http.models import Lenient, MaybeMoment, known


class DatabaseStatus(StrEnum):
    CREATING = "creating"
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    RECOVERY_FAILED = "recovery_failed"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class Replica(Lenient):
    id: str


class Allowed(Lenient):
    """Addresses that are let in from outside."""

    block: str = Field(default="", alias="cidrBlock")


class Database(Lenient):
    """PostgreSQL or Key Value. ``status`` is unknown for all that is only to be waited for, such
    as maintenance."""

    id: str
    name: str
    status: Annotated[DatabaseStatus, known(DatabaseStatus)] = DatabaseStatus.UNKNOWN
    plan: str | None = None
    highly_available: bool | None = Field(default=None, alias="highAvailabilityEnabled")
    replicas: tuple[Replica, ...] = Field(default=(), alias="readReplicas")
    allow_list: tuple[Allowed, ...] = Field(default=(), alias="ipAllowList")
    created_at: MaybeMoment = Field(default=None, alias="createdAt")
    expires_at: MaybeMoment = Field(default=None, alias="expiresAt")


class DatabaseItem(Lenient):
    database: Database = Field(validation_alias=AliasChoices("postgres", "keyValue"))


class ConnectionInfo(Lenient):
    internal: str = Field(alias="internalConnectionString", repr=False)
