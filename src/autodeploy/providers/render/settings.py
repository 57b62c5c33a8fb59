"""What is set of a service at Render that decides what its deploys build and run, by what it is."""

from collections.abc import Mapping
from posixpath import normpath

from autodeploy.providers.drift import DriftKind
from autodeploy.providers.render.builds import DOCKER
from autodeploy.providers.render.shapes import Commands, Details, Service, ServiceType

#: Every deploy is started by us, none by a push.
NO_AUTO_DEPLOY = "no"
# What Render leaves out, or tells as null, where nothing is set.
_MAY_BE_EMPTY = (DriftKind.ROOT_DIRECTORY, DriftKind.PRE_DEPLOY_COMMAND)
# The same place may be written in several ways: ``./web``, ``web/``.
_PATHS = (
    DriftKind.ROOT_DIRECTORY,
    DriftKind.OUTPUT_DIRECTORY,
    DriftKind.DOCKERFILE,
    DriftKind.DOCKER_CONTEXT,
)

# By which names the body of a call has them.
_OF_ALL = {
    DriftKind.REPOSITORY: "repo",
    DriftKind.BRANCH: "branch",
    DriftKind.ROOT_DIRECTORY: "rootDir",
    DriftKind.AUTO_DEPLOY: "autoDeploy",
    DriftKind.BUILD_COMMAND: "buildCommand",
}
_OF_SITES = {DriftKind.OUTPUT_DIRECTORY: "publishPath"}
_OF_PROCESSES = {
    DriftKind.RUNTIME: "runtime",
    DriftKind.START_COMMAND: "startCommand",
    DriftKind.PRE_DEPLOY_COMMAND: "preDeployCommand",
    DriftKind.SCHEDULE: "schedule",
}
_OF_IMAGES = {
    **_OF_PROCESSES,
    DriftKind.DOCKERFILE: "dockerfilePath",
    DriftKind.DOCKER_CONTEXT: "dockerContext",
    DriftKind.START_COMMAND: "dockerCommand",
}

Settings = Mapping[DriftKind, str | None]


def settings_in(type_: ServiceType, body: Mapping[str, object]) -> Settings:
    """Those that the body of a call sets, the details and commands beside the rest."""
    if type_ is ServiceType.STATIC:
        names, given = _OF_SITES, body
    else:
        names = _OF_IMAGES if body.get("runtime") == DOCKER else _OF_PROCESSES
        # The drawing of a free service, and of what runs beside an app, names no command before.
        given = {"preDeployCommand": "", **body}
    return {kind: str(given[name]) for kind, name in (_OF_ALL | names).items() if name in given}


def settings_of(service: Service) -> Settings:
    """None for what Render does not tell of it."""
    found: dict[DriftKind, str | None] = {
        DriftKind.REPOSITORY: service.repo,
        DriftKind.BRANCH: service.branch,
        DriftKind.ROOT_DIRECTORY: service.root_directory,
        DriftKind.AUTO_DEPLOY: service.auto_deploy,
        **_of_details(service.type, service.details or Details()),
    }
    return found | {kind: found.get(kind) or "" for kind in _MAY_BE_EMPTY}


def differing(wanted: Settings, found: Settings) -> Settings:
    """Those of ``found`` that are not as is wanted. A runtime that is not told is none."""
    return {
        kind: found.get(kind)
        for kind, value in wanted.items()
        if _comparable(kind, value) != _comparable(kind, found.get(kind))
        and (kind, found.get(kind)) != (DriftKind.RUNTIME, None)
    }


def _of_details(type_: ServiceType, details: Details) -> Settings:
    if type_ is ServiceType.STATIC:
        return {
            DriftKind.BUILD_COMMAND: details.build,
            DriftKind.OUTPUT_DIRECTORY: details.publish,
        }
    commands = details.commands or Commands()
    is_image = details.runtime == DOCKER or bool(commands.dockerfile)
    # What an image has of its own Render may leave out: that it starts by itself, its context.
    return {
        DriftKind.RUNTIME: details.runtime,
        DriftKind.BUILD_COMMAND: commands.build,
        DriftKind.DOCKERFILE: commands.dockerfile,
        DriftKind.DOCKER_CONTEXT: (commands.context or ".") if is_image else None,
        DriftKind.START_COMMAND: (commands.docker or "") if is_image else commands.start,
        DriftKind.PRE_DEPLOY_COMMAND: commands.pre_deploy,
        DriftKind.SCHEDULE: details.schedule,
    }


def _comparable(kind: DriftKind, value: str | None) -> str | None:
    if kind is DriftKind.REPOSITORY and value is not None:
        return value.casefold().rstrip("/").removesuffix(".git")
    return normpath(value) if kind in _PATHS and value is not None else value
