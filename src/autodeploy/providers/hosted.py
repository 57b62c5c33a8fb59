"""Providers that host apps and databases elsewhere, for an account that somebody has connected.

They fill the protocols of ``base`` in their own way:

- ``build`` makes sure of the project or service there, sets its variables and starts a deployment;
  it returns when that is built, and ``Artifact.key`` is the deployment's id at the provider.
- ``deploy`` returns when the release of that build runs, without traffic where the provider can
  tell the two apart. With the key of an earlier build it is a rollback. Where it cannot,
  ``bring_back`` undoes it.
- ``promote`` gives it the traffic, or sees that it has it.
- Cancelling the task of any of them cancels the work at the provider.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from uuid import UUID

import structlog

from autodeploy.kernel.errors import Conflict
from autodeploy.providers.base import (
    App,
    DeployProvider,
    KeptLog,
    Provider,
    Release,
    ReleaseRequest,
    RuntimeStatus,
)
from autodeploy.providers.databases import DatabaseProvider, DatabaseState
from autodeploy.providers.resources import ListedResources

_log = structlog.get_logger(__name__)

# How long a cancelled call may take to cancel its work at the provider.
_CANCEL_SECONDS = 5.0


class AccountMissing(Conflict):
    """The provider acts for an account, and none is connected, or not any more."""

    code = "account_missing"


@dataclass(frozen=True)
class ConnectedAccount:
    """An account at a provider. ``owner_id`` is the team, workspace or organization whose things
    are meant, as the provider names it; None where they are the account's own."""

    connection_id: UUID
    token: str = field(repr=False)
    owner_id: str | None = None


@dataclass(frozen=True)
class Owner:
    """A team, workspace or organization of an account; ``id`` as calls name it."""

    id: str
    name: str


@dataclass(frozen=True)
class TokenAccount:
    """Whose token it is. ``missing`` are the rights that it lacks and we need, in the provider's
    words, as far as the provider tells them."""

    id: str
    name: str
    owners: tuple[Owner, ...]
    missing: tuple[str, ...] = ()


@runtime_checkable
class TokenCheck(Protocol):
    """Tells whose a token is."""

    async def check_token(self, token: str) -> TokenAccount:
        """Raises ``CredentialRefused``."""
        ...


class TokenConnect(TokenCheck, Provider, Protocol):
    """Takes tokens that people have made in the provider's console."""


@dataclass(frozen=True)
class Pace:
    """How an account's apps may be looked after, within what the provider takes.

    A look asks how one release fares. ``keeps_output`` is whether the provider tells afterwards
    what an app has printed: then a look reads that too.
    """

    looks_per_minute: int
    keeps_output: bool


@runtime_checkable
class HostedDeploys(DeployProvider, Protocol):
    """Releases elsewhere, where others than us may change them."""

    async def live_status(self, app: App, release: Release) -> RuntimeStatus:
        """How a release fares that is to have the traffic; ``status`` does not ask who has it."""
        ...


@runtime_checkable
class SwitchingDeploys(DeployProvider, Protocol):
    """Gives a release its traffic when it is deployed: it cannot tell the two apart."""

    async def bring_back(self, request: ReleaseRequest, release: Release, log: KeptLog) -> Release:
        """Have the app run again what it ran by this release, where a later one of ours has taken
        its place. Returns the release as it is now: itself where nothing had. Idempotent."""
        ...


@runtime_checkable
class AppHosting(Provider, Protocol):
    """Hosts apps elsewhere."""

    @property
    def pace(self) -> Pace: ...

    def deploys_as(self, account: ConnectedAccount) -> HostedDeploys:
        """The provider acting for this account. Cheap: made for each use."""
        ...


@runtime_checkable
class HostedDatabases(DatabaseProvider, Protocol):
    """Databases elsewhere, which others than us may pause or delete."""

    async def database_state(self, external_id: str) -> DatabaseState: ...

    async def charged_plan(self, plan: str) -> str:
        """The plan by whose price a database of ``plan`` would be charged to this account."""
        ...


@runtime_checkable
class DatabaseHosting(Provider, Protocol):
    """Hosts databases elsewhere."""

    def databases_as(self, account: ConnectedAccount) -> HostedDatabases:
        """The provider acting for this account. Cheap: made for each use."""
        ...


@runtime_checkable
class ResourceHosting(Provider, Protocol):
    """Tells what it holds elsewhere."""

    def resources_as(self, account: ConnectedAccount) -> ListedResources:
        """The provider acting for this account. Cheap: made for each use."""
        ...


async def undo(work: Callable[[], Awaitable[None]]) -> None:
    """Cancel work at a provider although this task is being cancelled, which may happen again;
    what cannot be cancelled goes on there, and gets no traffic."""

    async def bounded() -> None:
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                await work()
        except Exception as error:
            _log.warning("hosted.not_cancelled", error=type(error).__name__)

    await asyncio.wait({asyncio.create_task(bounded())})
