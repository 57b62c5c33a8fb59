"""Compose files (https://github.com/compose-spec/compose-spec, 2026-11).

Made for the desk more often than not: they tell which services an app needs and what it is told
by its environment; how it is started only where nothing else does.
"""

from autodeploy.services.analyzer.declared.base import (
    Declared,
    Said,
    SaidService,
    SaidVariable,
    Source,
)
from autodeploy.services.analyzer.declared.containers import holds_here, on_port
from autodeploy.services.analyzer.declared.document import (
    MOST_ITEMS,
    Document,
    open_document,
    port_number,
)
from autodeploy.services.analyzer.declared.images import service_of
from autodeploy.services.analyzer.evidence import SourceFiles, as_table, words
from autodeploy.services.analyzer.tree import normal_path

_SERVED = ("web", "app", "server", "api")


def declare(files: SourceFiles) -> Declared | None:
    """What the file of the folder says, or of one above, where that builds this folder."""
    for place in (files, *files.parents()):
        document = open_document(place, Source.COMPOSE)
        if document is None:
            continue
        named = [name for name, one in document.items("services") if isinstance(one, dict)]
        services = {name: document.part("services", name) for name in named}
        apps = [name for name, one in services.items() if files.root in _folders(one, place)]
        if apps:
            return _of_apps(apps, services)
        if place is files:
            return Declared(services=tuple(_needed(list(services), services)))
    return None


def _folders(service: Document, place: SourceFiles) -> set[str | None]:
    """The folders, as seen from the repository, that a service may be built from.

    That is its context; where the workspace is the context, also the folder of its Dockerfile.
    """
    build = service.values.get("build")
    if build is None:
        return set()
    context = build if isinstance(build, str) else words(as_table(build).get("context")) or "."
    found = {normal_path(place.at(context))}
    dockerfile = words(as_table(build).get("dockerfile"))
    if dockerfile and "/" in dockerfile:
        found.add(normal_path(place.at(f"{context}/{dockerfile.rpartition('/')[0]}")))
    return found


def _of_apps(apps: list[str], services: dict[str, Document]) -> Declared:
    served = [name for name in apps if services[name].values.get("ports")] or apps
    app = services[next((name for name in _SERVED if name in served), served[0])]
    start = app.command("command") if isinstance(app.values.get("command"), str) else None
    return Declared(
        start=on_port(start) if start and holds_here(start.value, app.files, None) else None,
        port=_port(app),
        variables=tuple(_variables(app)),
        services=tuple(_needed(_beside(apps, services), services)),
    )


def _beside(apps: list[str], services: dict[str, Document]) -> list[str]:
    """What the apps depend on, and that in turn; every service where nothing is said of it."""
    pending = list(apps)
    for name in pending:
        depends = services[name].values.get("depends_on") if name in services else None
        names = list(depends) if isinstance(depends, list | dict) else []
        pending += [one for one in names if isinstance(one, str) and one not in pending]
    beside = [name for name in pending if name in services and name not in apps]
    return beside or list(services)


def _needed(names: list[str], services: dict[str, Document]) -> list[SaidService]:
    """The services among ``names``; those of a profile are there on demand alone."""
    found: dict[str, SaidService] = {}
    for name in names:
        service = services[name]
        image = service.values.get("image")
        kind = service_of(image) if isinstance(image, str) else None
        if kind and not service.values.get("profiles") and kind not in found:
            found[kind] = SaidService(kind, service.said(str(image), "image"))
    return list(found.values())


def _port(app: Document) -> Said[int] | None:
    """The port inside the container, as the first of ``ports`` or ``expose`` has it."""
    for key in ("ports", "expose"):
        for value in app.elements(key):
            inside = as_table(value).get("target") if isinstance(value, dict) else value
            number = port_number(str(inside).rpartition(":")[2].partition("/")[0])
            if number:
                return app.said(number, key)
    return None


def _variables(app: Document) -> list[SaidVariable]:
    environment = app.values.get("environment")
    if isinstance(environment, list):
        texts = [text for text in environment[:MOST_ITEMS] if isinstance(text, str)]
        pairs = {key.strip(): value for key, _, value in (text.partition("=") for text in texts)}
    else:
        pairs = {key: words(value) or "" for key, value in app.items("environment")}
    found = [_variable(app, key, value) for key, value in pairs.items()]
    return [one for one in found if one]


def _variable(app: Document, key: str, text: str) -> SaidVariable | None:
    """``${NAME:?message}`` says that there is to be one; any value is one of this network."""
    is_asked = text.startswith("${") and ("?" in text) and ":-" not in text
    return app.variable(
        key,
        at=("environment", key),
        required=is_asked or None,
        example=None if "$" in text else text,
    )
