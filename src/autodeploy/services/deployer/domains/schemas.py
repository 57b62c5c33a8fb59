"""The shapes of domains."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from autodeploy.kernel.schema import Input, Schema
from autodeploy.services.deployer.naming import PRODUCTION


class DomainState(StrEnum):
    """How a domain fares. ``pending``: it waits for the app's first deployment, or for its records.
    ``verified``: its provider serves the app there. ``failed``: its provider does not take it, or
    its records did not come. ``removing``: it is being removed at its provider."""

    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"
    REMOVING = "removing"


class DomainInput(Input):
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    environment: Annotated[str, StringConstraints(max_length=100)] = PRODUCTION


class RecordView(Schema):
    """A record that is to be set where the domain's DNS is kept; ``name`` is the full one."""

    type: str
    name: str
    value: str


class DomainErrorView(Schema):
    code: str
    message: str
    remedy: str | None


class DomainView(Schema):
    """``provider`` serves the name, or is to; null before the app's first deployment. ``records``
    are those that are still to be set; ``next_check_at`` is when they are looked at again."""

    id: UUID
    name: str
    environment: str
    state: DomainState
    provider: str | None
    records: list[RecordView]
    error: DomainErrorView | None
    checked_at: datetime | None
    next_check_at: datetime | None
    verified_at: datetime | None
    created_at: datetime
