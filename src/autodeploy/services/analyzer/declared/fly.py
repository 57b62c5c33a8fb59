"""``fly.toml`` (https://fly.io/docs/reference/configuration, 2026-11).

Fly runs an image: a command that names what only the image has is a fact and no command.
"""

from autodeploy.services.analyzer.declared.base import Declared, Said, Source
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.declared.images import image_only
from autodeploy.services.analyzer.evidence import SourceFiles

_LACKS = {"mounts": "volumes", "statics": "files served beside an app"}


def declare(files: SourceFiles) -> Declared | None:
    document = open_document(files, Source.FLY)
    if document is None:
        return None
    document.lacks(_LACKS)
    served = _served(document)
    start, workers = _processes(document, served)
    release = document.part("deploy").command("release_command")
    environment = document.part("env")
    variables = [environment.variable(key, default=value) for key, value in environment.items()]
    return Declared(
        start=start,
        release=None if release and image_only(release, document) else release,
        workers=workers or None,
        health_path=_health_path(document, served),
        port=next((port for one in served if (port := one.port("internal_port"))), None),
        variables=tuple(one for one in variables if one),
    )


def _served(document: Document) -> list[Document]:
    """What is reached from outside: ``http_service`` and ``services``."""
    http = document.part("http_service")
    services = document.values.get("services")
    others = document.parts("services") if isinstance(services, list) else []
    return [*([http] if http.values else []), *others]


def _processes(
    document: Document, served: list[Document]
) -> tuple[Said[str] | None, dict[str, Said[str]]]:
    """The process that is reached from outside, and the others."""
    names = [name for name in document.part("processes").values if name]
    reached = [name for one in served for name in one.elements("processes")]
    web = next((name for name in (*reached, "web", "app", *names) if name in names), None)
    found = {}
    for name in names:
        line = document.part("processes").command(name)
        if line and line.value and not image_only(line, document):
            found[name] = line
    return found.pop(str(web), None), found


def _health_path(document: Document, served: list[Document]) -> Said[str] | None:
    checks = [check for one in served for key in ("checks", "http_checks")
              for check in one.parts(key)]  # fmt: skip
    named = document.part("checks")
    checks += [named.part(name) for name in list(named.values)[:20]]
    return next((path for one in checks if (path := one.request_path("path"))), None)
