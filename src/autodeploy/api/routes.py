"""All routes of the application with their full templates, whatever router they came from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

from autodeploy.api.public import is_public


@dataclass(frozen=True)
class RouteEntry:
    """A route: its methods (``WEBSOCKET`` for a socket), its template and its function."""

    methods: frozenset[str]
    template: str
    endpoint: Callable[..., Any]

    @property
    def public(self) -> bool:
        return all(is_public(method, self.template) for method in self.methods)


def list_routes(app: FastAPI) -> Iterator[RouteEntry]:
    """Every route that a request can reach."""
    for context in iter_route_contexts(app.routes):
        if context.path is None or context.endpoint is None:
            continue
        methods = context.methods or {"WEBSOCKET"}
        yield RouteEntry(frozenset(methods), context.path, context.endpoint)


def template_of(scope: Scope) -> str | None:
    """The full template of the route that a request was matched to, None before or without."""
    entry = _entry(scope)
    return entry.template if entry else None


def known_words(app: FastAPI) -> frozenset[str]:
    """What stands in the templates of the application's routes, between their parameters."""
    return frozenset(word for entry in list_routes(app) for word in entry.template.split("/"))


def shown_path(scope: Scope) -> str:
    """The path of a request as a log may have it: the words of our routes, and ids.

    Whatever else stands there is replaced: by mistake it may be a secret.
    """
    words: frozenset[str] = scope["app"].state.words
    return "/".join(
        part if part in words or _is_id(part) else "…" for part in scope["path"].split("/")
    )


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def needs_credential(scope: Scope) -> bool:
    """Whether the matched route refuses callers without a credential: all but the public ones."""
    entry = _entry(scope)
    return entry is None or not entry.public


def _entry(scope: Scope) -> RouteEntry | None:
    entries: dict[Callable[..., Any], RouteEntry] = scope["app"].state.routes
    return entries.get(scope.get("endpoint"))  # type: ignore[arg-type]
