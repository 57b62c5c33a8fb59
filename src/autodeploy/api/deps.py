"""What route functions ask for: the process's resources, the caller, a page."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from fastapi import Depends, Query
from pydantic import AwareDatetime, StringConstraints
from starlette.requests import HTTPConnection

from autodeploy.api.routes import needs_credential
from autodeploy.kernel.errors import AutoDeployError, Unauthenticated
from autodeploy.kernel.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.log_filter import LogFilter


def get_resources(connection: HTTPConnection) -> Resources:
    """The parts that the application opened at its start."""
    resources: Resources = connection.app.state.resources
    return resources


async def get_principal(connection: HTTPConnection) -> Principal:
    """The caller, as the authentication middleware identified it; raises ``Unauthenticated``."""
    principal: Principal | None = getattr(connection.state, "principal", None)
    if principal is None:
        refusal: AutoDeployError | None = getattr(connection.state, "refusal", None)
        raise refusal or Unauthenticated(
            "This needs a credential.",
            remedy="Send an access token or a personal token as 'Authorization: Bearer …'.",
        )
    return principal


async def require_credential(connection: HTTPConnection) -> None:
    """Refuse every route that is not on the public list to callers without a credential."""
    if needs_credential(connection.scope):
        await get_principal(connection)


class Client(TypedDict):
    """Who signs in, as the list of sessions shows it."""

    user_agent: str | None
    address: str | None


def client_of(connection: HTTPConnection) -> Client:
    """The program and the address that a call comes from."""
    return {
        "user_agent": connection.headers.get("user-agent"),
        "address": address_of(connection),
    }


def address_of(connection: HTTPConnection) -> str | None:
    """The address that a call comes from, as far as trusted proxies say."""
    return connection.client.host if connection.client else None


@dataclass(frozen=True)
class PageRequest:
    """``limit`` and ``cursor`` of a list; give them to ``kernel.pagination.keyset``."""

    limit: int
    cursor: str | None


# Dependencies are coroutines because FastAPI runs plain functions in threads, at a cost.


async def _resources(connection: HTTPConnection) -> Resources:
    return get_resources(connection)


async def _page(
    limit: Annotated[int, Query(ge=1, le=MAXIMUM_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


async def _log_filter(
    level: Annotated[
        Literal["debug", "info", "warn", "error"] | None,
        Query(description="Lines of this level or worse."),
    ] = None,
    source: Annotated[
        list[Annotated[str, StringConstraints(max_length=50)]] | None,
        Query(max_length=20, description="Lines of these sources: autodeploy, build, app …"),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Lines from this time on.")] = None,
) -> LogFilter:
    return LogFilter(level, frozenset(source or ()), since)


ResourcesDep = Annotated[Resources, Depends(_resources)]
PrincipalDep = Annotated[Principal, Depends(get_principal)]
PageDep = Annotated[PageRequest, Depends(_page)]
LogFilterDep = Annotated[LogFilter, Depends(_log_filter)]
