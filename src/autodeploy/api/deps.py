"""What route functions ask for: the process's resources, the caller, a page."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AwareDatetime, StringConstraints
from starlette.requests import HTTPConnection

from autodeploy.api.routes import needs_credential
from autodeploy.kernel.errors import AutoDeployError, Unauthenticated
from autodeploy.kernel.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth.audit import ObjectType
from autodeploy.services.auth.audit_reading import AuditFilter
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer.log_filter import LogFilter


def get_resources(connection: HTTPConnection) -> Resources:
    """The parts that the application opened at its start, with a database that shows the rows
    of the caller alone; of nobody before the caller is known."""
    resources: Resources = connection.app.state.resources
    principal: Principal | None = getattr(connection.state, "principal", None)
    return resources.acting_for(principal.tenancy) if principal else resources


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


def has_credential(connection: HTTPConnection) -> bool:
    """Whether the caller sent a credential, be it a valid one or not."""
    known = getattr(connection.state, "principal", None) is not None
    return known or getattr(connection.state, "refusal", None) is not None


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
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern="^[^\\x00]*$",
            description="Lines with this text in them; A to Z in either case, colours left out.",
        ),
    ] = None,
) -> LogFilter:
    return LogFilter(level, frozenset(source or ()), since, q)


async def _audit_filter(
    action: Annotated[
        str | None, Query(max_length=100, description="Such as project.update or auth.login.")
    ] = None,
    user_id: Annotated[UUID | None, Query(alias="userId", description="Who did it.")] = None,
    object_type: Annotated[ObjectType | None, Query(alias="objectType")] = None,
    object_id: Annotated[str | None, Query(alias="objectId", max_length=100)] = None,
    since: Annotated[AwareDatetime | None, Query(description="From this time on.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this time.")] = None,
) -> AuditFilter:
    return AuditFilter(
        action=action,
        user_id=user_id,
        object_type=object_type,
        object_id=object_id,
        since=since,
        until=until,
    )


ResourcesDep = Annotated[Resources, Depends(_resources)]
PrincipalDep = Annotated[Principal, Depends(get_principal)]
PageDep = Annotated[PageRequest, Depends(_page)]
LogFilterDep = Annotated[LogFilter, Depends(_log_filter)]
AuditFilterDep = Annotated[AuditFilter, Depends(_audit_filter)]
#: ``q`` of a list that is searched.
SearchText = Annotated[
    str | None,
    Query(
        max_length=200,
        description='Words to find: `"a phrase"`, `this or that`, `-without`. The last one may be '
        "unfinished. The best match comes first.",
    ),
]
