"""The HTTP application of a process: which role serves which routers, and with which parts.

``python -m autodeploy.app FILE`` writes the OpenAPI description of all roles.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.types import Scope

from autodeploy.api.application import build_application, describe
from autodeploy.api.ratelimit import configured_rules
from autodeploy.api.rest import (
    accounts,
    audit,
    auth,
    costs,
    databases,
    deployments,
    domains,
    drift,
    environment_variables,
    environments,
    health,
    held,
    invitations,
    member_projects,
    notification_channels,
    oauth,
    organizations,
    projects,
    providers,
    pushes,
    queues,
    repositories,
    runs,
    second_factor,
    service_tokens,
    sessions,
    users,
    webhooks,
)
from autodeploy.api.routes import shown_path
from autodeploy.api.ws import deployments as deployment_streams
from autodeploy.api.ws import runs as run_streams
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.telemetry import configure_tracing
from autodeploy.roles import (
    close_resources,
    open_identity_providers,
    open_providers,
    open_resources,
)
from autodeploy.settings import Settings

#: Routers of each role; those of operations are served by every one.
ROLE_ROUTERS: dict[str, tuple[APIRouter, ...]] = {
    "auth": (
        auth.router,
        auth.keys_router,
        oauth.router,
        oauth.users_router,
        audit.router,
        accounts.router,
        sessions.router,
        second_factor.router,
        users.router,
        organizations.router,
        member_projects.router,
        invitations.router,
    ),
    "analyzer": (repositories.router,),
    "deployer": (
        projects.router,
        costs.router,
        service_tokens.router,
        environment_variables.router,
        environments.router,
        domains.router,
        drift.router,
        deployments.router,
        runs.router,
        databases.router,
        databases.project_router,
        deployment_streams.router,
        run_streams.router,
        providers.router,
        queues.router,
        held.router,
        pushes.router,
        pushes.webhook_router,
    ),
    "monitor": (webhooks.router, notification_channels.router),
}

# Of OpenTelemetry's conventions for HTTP, the former and the present ones (1.45, seen 2026-11).
_ADDRESS_ATTRIBUTES = {"http.target", "http.url", "url.path", "url.query", "url.full"}


def create_app(
    settings: Settings, roles: frozenset[str], *, resources: Resources | None = None
) -> FastAPI:
    """The application of these roles (``ROLE_ROUTERS`` names them).

    ``resources`` are opened from the settings at the start and closed at the end, unless the
    caller gives some, which stay the caller's.
    """
    unknown = roles - ROLE_ROUTERS.keys()
    if unknown:
        raise ValueError(f"No such role: {', '.join(sorted(unknown))}.")
    routers = [router for role in ROLE_ROUTERS if role in roles for router in ROLE_ROUTERS[role]]

    identity_providers = open_identity_providers(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop_tracing = configure_tracing(settings.otlp_endpoint, service="autodeploy-api")
        opened = resources or await open_resources(settings, "app")
        app.state.resources = opened
        app.state.providers = await open_providers(settings, opened, identity_providers)
        try:
            yield
        finally:
            await identity_providers.close()
            await app.state.providers.close()
            if resources is None:
                await close_resources(opened)
            stop_tracing()

    app = build_application(
        [*routers, health.router],
        lifespan=lifespan,
        allowed_origins=settings.allowed_origins,
        rate_rules=configured_rules(settings.rate_limits),
    )
    app.state.identity_providers = identity_providers
    if settings.otlp_endpoint:
        _trace_requests(app)
    return app


def _trace_requests(app: FastAPI) -> None:
    # Imported here: a process that traces nothing does not pay for it.
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    def hide_address(span: Any, scope: Scope) -> None:
        """Have the span name what our log does of the address: the rest may be a secret."""
        for name in _ADDRESS_ATTRIBUTES & span.attributes.keys():
            span.set_attribute(name, shown_path(scope))

    FastAPIInstrumentor.instrument_app(app, server_request_hook=hide_address)


def openapi_text() -> str:
    """The OpenAPI description of all roles, as ``docs/reference/openapi.json`` holds it."""
    document = describe(create_app(Settings(), frozenset(ROLE_ROUTERS)))
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(openapi_text())
