"""``render.yaml`` (https://render.com/docs/blueprint-spec, 2026-11): services of one repository.

The services that count are those whose ``rootDir`` is the folder analysed.
"""

from collections.abc import Mapping
from dataclasses import replace

from autodeploy.kernel.cron import parse_schedule
from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.declared.base import (
    Declared,
    Said,
    SaidCron,
    SaidService,
    SaidVariable,
    Source,
)
from autodeploy.services.analyzer.declared.commands import build_parts
from autodeploy.services.analyzer.declared.document import Document, open_document
from autodeploy.services.analyzer.declared.image_builds import asked_image
from autodeploy.services.analyzer.declared.images import image_only
from autodeploy.services.analyzer.evidence import SourceFiles, as_table, words
from autodeploy.services.analyzer.plan import AppKind

_STORES = {"redis": "redis", "keyvalue": "redis"}
_PRIVATE = "pserv"
_SERVED = ("web", _PRIVATE, "static")
_VERSIONS = {"NODE_VERSION": "node", "PYTHON_VERSION": "python", "RUBY_VERSION": "ruby",
             "GO_VERSION": "go", "RUST_VERSION": "rust", "ELIXIR_VERSION": "elixir"}  # fmt: skip
_LACKS = {"disk": "disks of its own for an app", "headers": "headers of its own"}


def declare(files: SourceFiles) -> Declared | None:
    """What the file of the folder, or of one above, says of the app in this folder."""
    for place in (files, *files.parents()):
        document = open_document(place, Source.RENDER)
        if document:
            return _of_folder(document, place, files.root)
    return None


def _of_folder(document: Document, place: SourceFiles, root: str) -> Declared:
    services = document.parts("services")
    for project in document.parts("projects"):
        for environment in project.parts("environments"):
            services += environment.parts("services")
    by_root: dict[str, list[Document]] = {}
    for service in services:
        folder = service.folder("rootDir")
        whole = place.at(folder.value) if folder and folder.value != "." else place.root
        by_root.setdefault(whole, []).append(service)
    here = by_root.get(root, [])
    served = [one for one in here if one.values.get("type") in _SERVED]
    workers = [one for one in here if one.values.get("type") == "worker"]
    if len(served) > 1:
        names = ", ".join(str(one.values.get("name"))[:40] for one in served)
        place.warn(f"{document.name} names several apps of this folder: {names}; the first counts.")
    stores = _stores(services)
    crons = _crons([one for one in here if one.values.get("type") == "cron"])
    if served:
        return replace(_app(served[0], stores), workers=_workers(workers), crons=crons)
    if workers:
        app = _app(workers[0], stores)
        kind = workers[0].said(AppKind.WORKER, "type")
        return replace(app, kind=kind, workers=_workers(workers[1:]), crons=crons)
    return Declared(root_directory=_elsewhere(by_root, place, root), crons=crons)


def _elsewhere(
    by_root: Mapping[str, list[Document]], place: SourceFiles, root: str
) -> Said[str] | None:
    """The one other folder that an app is served from, for who analyses the file's own folder."""
    roots = [
        one
        for folder, services in by_root.items()
        for one in services[:1]
        if folder != root and any(each.values.get("type") in _SERVED for each in services)
    ]
    return roots[0].folder("rootDir") if place.root == root and len(roots) == 1 else None


def _crons(services: list[Document]) -> Mapping[str, SaidCron] | None:
    found = {}
    for count, service in enumerate(services, 1):
        name = words(service.values.get("name")) or f"cron-{count}"
        line = service.command("startCommand") or service.command("dockerCommand")
        schedule = service.text("schedule")
        if line is None or schedule is None or image_only(line, service):
            continue
        try:
            parse_schedule(schedule.value)
        except ValueError as error:
            service.files.warn(
                f"{service.name}: {name[:40]} is not run: its schedule `{schedule.value[:40]}` "
                f"cannot be used: {error}."
            )
            continue
        found[name] = SaidCron(schedule.value, line)
    return found or None


def _app(service: Document, stores: Mapping[str, str]) -> Declared:
    service.lacks(_LACKS)
    runtime = words(service.values.get("runtime")) or words(service.values.get("env"))
    install, build = build_parts(service.command("buildCommand"))
    start, release = service.command("startCommand"), service.command("preDeployCommand")
    if runtime in ("docker", "image"):
        start = start or service.command("dockerCommand")
    type_ = service.values.get("type")
    is_static = runtime == "static" or type_ == "static"
    asked = {}
    for variable in service.parts("envVars"):
        language = _VERSIONS.get(str(variable.values.get("key")))
        version = variable.text("value") if language else None
        if language and version:
            asked[language] = version
    return Declared(
        kind=service.said(AppKind.STATIC, "runtime") if is_static else None,
        private=service.said(True, "type") if type_ == _PRIVATE else None,
        install=install,
        build=build,
        start=None if is_static or (start and image_only(start, service)) else start,
        release=None if release and image_only(release, service) else release,
        output_directory=service.folder("staticPublishPath"),
        spa_fallback=_spa_fallback(service),
        health_path=service.request_path("healthCheckPath"),
        image=_image(service, release) if runtime == "docker" else None,
        runtimes=asked,
        variables=tuple(_variables(service)),
        services=tuple(_services(service, stores)),
    )


def _image(service: Document, release: Said[str] | None) -> Said[ImageBuild] | None:
    """What ``dockerfilePath`` and ``dockerContext`` make. Render's own pages have them relative to
    the repository, and its dashboard to ``rootDir``: what is there decides."""
    file, context = service.folder("dockerfilePath"), service.folder("dockerContext")
    command, root = service.command("dockerCommand"), service.folder("rootDir")
    path = file.value if file else "Dockerfile"
    places = [root.value, ""] if root and root.value != "." else [""]
    for place in places:
        files = SourceFiles(service.files.tree, service.files.at(place))
        found = asked_image(
            files.tree,
            files.at(path),
            files.at(context.value if context and context.value != "." else ""),
            command=command.value if command else None,
            release_command=release.value if release else None,
        )
        if found:
            return service.said(found, "runtime")
    service.files.warn(f"{service.name} names a Dockerfile, {path[:80]}, that is not there.")
    return None


def _workers(services: list[Document]) -> Mapping[str, Said[str]] | None:
    found = {}
    for count, service in enumerate(services, 1):
        line = service.command("startCommand") or service.command("dockerCommand")
        if line and not image_only(line, service):
            found[words(service.values.get("name")) or f"worker-{count}"] = line
    return found or None


def _stores(services: list[Document]) -> Mapping[str, str]:
    """Services that are no apps, by name."""
    return {
        str(one.values.get("name")): _STORES[kind]
        for one in services
        if (kind := str(one.values.get("type"))) in _STORES
    }


def _spa_fallback(service: Document) -> Said[bool] | None:
    for route in service.parts("routes"):
        says = tuple(route.values.get(key) for key in ("type", "source", "destination"))
        if says in (("rewrite", "/*", "/index.html"), ("rewrite", "/*", "/")):
            return service.said(True, "routes")
    return None


def _variables(service: Document) -> list[SaidVariable]:
    found = []
    for variable in service.parts("envVars"):
        key = variable.values.get("key")
        if not isinstance(key, str) or key in _VERSIONS:
            continue
        asked = variable.values.get("sync") == "false"
        made = variable.values.get("generateValue") == "true"
        linked = any(name in variable.values for name in ("fromDatabase", "fromService"))
        found.append(
            variable.variable(
                key,
                at=(),
                required=asked or made or linked or None,
                secret=asked or made or None,
                default=variable.values.get("value"),
            )
        )
    return [one for one in found if one]


def _services(service: Document, stores: Mapping[str, str]) -> list[SaidService]:
    found = []
    for variable in service.parts("envVars"):
        key = words(variable.values.get("key"))
        store = as_table(variable.values.get("fromService"))
        kind = stores.get(str(store.get("name"))) or _STORES.get(str(store.get("type")))
        if "fromDatabase" in variable.values:
            kind = "postgresql"
        if key and kind:
            is_address = {"connectionString"} & {
                str(as_table(variable.values.get(place)).get("property"))
                for place in ("fromDatabase", "fromService")
            }
            said = variable.said(key)
            found.append(SaidService(kind, said, key if is_address else None))
    return found
