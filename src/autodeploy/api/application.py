"""The HTTP application around the routers of the roles that a process runs."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Lifespan

from autodeploy import __version__
from autodeploy.api import account_pages, documentation, problems
from autodeploy.api.bodies import BodyGuard
from autodeploy.api.deps import require_credential
from autodeploy.api.etags import NotModified
from autodeploy.api.idempotency import Idempotency
from autodeploy.api.middleware import Authentication, RequestContext
from autodeploy.api.problems import Problem
from autodeploy.api.ratelimit import RateLimits, Rule
from autodeploy.api.routes import known_words, list_routes

_PROBLEM_RESPONSE: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, and what to do.",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repetition with the same key and body gets the first answer, for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Answer 304 without a body while the ETag is one of these.",
    "schema": {"type": "string"},
}
_ETAG = {
    "description": "The version, for If-Match and If-None-Match.",
    "required": True,
    "schema": {"type": "string"},
}


def build_application(
    routers: Sequence[APIRouter],
    *,
    lifespan: Lifespan[FastAPI],
    allowed_origins: Sequence[str],
    rate_rules: tuple[Rule, ...],
) -> FastAPI:
    """An application that serves ``routers``; ``lifespan`` fills ``app.state.resources``.

    ``/docs`` shows the description to who types in a credential: ``/openapi.json`` needs one.
    """
    app = FastAPI(
        title="AutoDeploy",
        version=__version__,
        summary="Repository in, live URL out.",
        lifespan=lifespan,
        dependencies=[Depends(require_credential)],
        responses=_PROBLEM_RESPONSE,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in routers:
        app.include_router(router)
    app.add_api_route("/openapi.json", _describe, include_in_schema=False)
    app.include_router(documentation.router, include_in_schema=False)
    app.include_router(account_pages.router, include_in_schema=False)
    problems.install(app)
    _surround(app, allowed_origins, rate_rules)
    app.state.allowed_origins = frozenset(allowed_origins)
    app.state.routes = {entry.endpoint: entry for entry in list_routes(app)}
    app.state.words = known_words(app)
    return app


async def _describe(request: Request) -> dict[str, Any]:
    """The OpenAPI description of this process."""
    return describe(request.app)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 description, with the shape of problems and the credentials."""
    if app.openapi_schema is None:
        document = app.openapi()
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["Problem"] = problem
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        _declare_credentials(app, document)
        for item in document["paths"].values():
            _declare_headers(item)
        app.openapi_schema = document
    return app.openapi_schema


def _declare_credentials(app: FastAPI, document: dict[str, Any]) -> None:
    for entry in list_routes(app):
        for method in entry.methods:
            operation = document["paths"].get(entry.template, {}).get(method.lower())
            if operation is not None:
                operation["security"] = [] if entry.public else [{"bearer": []}]
                operation["responses"].pop("422", None)


def _declare_headers(item: dict[str, Any]) -> None:
    """Say what middleware and ``etags.tagged`` take and give on the operations of a path."""
    if "post" in item and item["post"]["security"]:
        item["post"].setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    if "get" in item and "put" in item:
        read, update = item["get"], item["put"]
        read.setdefault("parameters", []).append(_IF_NONE_MATCH)
        read["responses"]["304"] = {"description": "It is as If-None-Match says."}
        for operation in (read, update):
            operation["responses"]["200"]["headers"] = {"ETag": _ETAG}


def _surround(app: FastAPI, origins: Sequence[str], rules: tuple[Rule, ...]) -> None:
    """Add the middleware; the last one added is the outermost."""
    app.add_middleware(NotModified)
    app.add_middleware(Idempotency)
    app.add_middleware(BodyGuard)
    app.add_middleware(RateLimits, rules=rules)
    app.add_middleware(Authentication)
    app.add_middleware(RequestContext)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
        allow_headers=[
            "Content-Type",
            "Authorization",
            "Idempotency-Key",
            "If-Match",
            "Last-Event-ID",
        ],
        expose_headers=[
            "ETag",
            "Link",
            "Location",
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
            "Retry-After",
            "X-Request-Id",
        ],
    )
