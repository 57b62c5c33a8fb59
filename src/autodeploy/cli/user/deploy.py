"""``deploy`` and ``rollback``: send the source, start the deployment, show it, print its URL."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from autodeploy.cli.failures import PASSING, CommandError
from autodeploy.cli.terminal import is_interactive, print_json, say
from autodeploy.cli.user.app_file import (
    current_folder,
    environment_name,
    read_app_file,
    require_project_name,
)
from autodeploy.cli.user.client import Api, Json
from autodeploy.cli.user.feed import Feed
from autodeploy.cli.user.organizations import get_organization
from autodeploy.cli.user.progress import View, make_view
from autodeploy.cli.user.projects import (
    find_project,
    get_environment,
    get_project,
    is_id,
)
from autodeploy.cli.user.sources import (
    FolderSource,
    GitSource,
    packed,
    parse_source,
    project_slug,
    require_folder,
)

TERMINAL = frozenset({"ready", "error", "cancelled"})
TICK_SECONDS = 0.25
# A message may be lost with its connection: the row is read again after this long without one.
REFRESH_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
SHOW_UPLOAD_BYTES = 1_000_000


@dataclass(frozen=True)
class DeployOptions:
    """The arguments of ``autodeploy deploy``."""

    source: str
    ref: str | None = None
    project: str | None = None
    environment: str | None = None
    root_directory: str | None = None
    detach: bool = False
    as_json: bool = False
    build: bool | None = None
    organization: str | None = None
    ignore_missing: bool = False
    one_way: str | None = None
    provider: str | None = None
    plan: str | None = None
    region: str | None = None
    database_provider: str | None = None
    ignore_budget: bool = False


def run(options: DeployOptions) -> None:
    """Deploy, and end when the deployment has ended."""
    require_project_name(options.project)
    current_folder()
    source = parse_source(options.source)
    api = Api.connect()
    place = None
    if options.organization is not None:
        place = get_organization(api, options.organization)["id"]
    if isinstance(source, GitSource):
        if source.is_short:
            say(f"There is no folder {source.url} here, so it is the repository at GitHub.")
        deployment = _start_from_git(api, source, options, place)
    else:
        deployment = _start_from_folder(api, source, options, place)
    finish(api, deployment, detach=options.detach, as_json=options.as_json)


def roll_back(target: str | None, environment: str, *, force: bool, as_json: bool) -> None:
    """Bring back a deployment, or the release before the live one of a project."""
    api = Api.connect()
    chosen = target if target is not None and is_id(target) else None
    if chosen is None:
        chosen = _release_before_live(api, get_project(api, target), environment)
    deployment = api.post(f"/deployments/{chosen}/rollback", {"force": force})
    finish(api, deployment, detach=False, as_json=as_json)


def finish(api: Api, deployment: Json, *, detach: bool, as_json: bool) -> None:
    """Show the deployment to its end and print the result.

    Raises:
        CommandError: it ended in ``error`` or was cancelled.
    """
    if detach:
        if as_json:
            print_json(deployment)
        else:
            typer.echo(f"DEPLOYMENT {deployment['id']}")
        return
    try:
        with make_view() as view:
            deployment = watch(api, deployment, view)
    except KeyboardInterrupt:
        say(
            f"\nThe deployment goes on without you.\n"
            f"  watch it:  autodeploy logs -f {deployment['id']}\n"
            f"  stop it:   autodeploy cancel {deployment['id']}"
        )
        raise
    if as_json:
        print_json(deployment)
    if deployment["status"] != "ready":
        raise _failure(deployment, told=as_json)
    if not as_json:
        print_addresses(deployment)


def print_addresses(deployment: Json) -> None:
    """The last lines of a deployment: its URL, and its address for programs on this machine; of a
    private one, its address for other apps."""
    sys.stderr.flush()
    if deployment.get("private"):
        typer.echo(f"PRIVATE {deployment['url']}")
        return
    typer.echo(f"URL {deployment['url']}")
    if deployment.get("localUrl"):
        typer.echo(f"LOCAL {deployment['localUrl']}")


def watch(api: Api, deployment: Json, view: View) -> Json:
    """Show the deployment until it has ended; returns it as it is then."""
    last_line, row = 0, _Row(api, deployment, view)
    view.update(deployment)
    with Feed(api, deployment["id"]) as feed:
        while row.deployment["status"] not in TERMINAL:
            message = feed.next(TICK_SECONDS)
            if message is not None and message["type"] == "deployment.log":
                last_line = message["sequence"]
                view.line(message)
            if (message is not None and message["type"] == "deployment.status") or row.is_old:
                row.read()
                view.update(row.deployment)
    for line in lines_after(api, deployment["id"], last_line):
        view.line(line)
    return row.deployment


class _Row:
    """A deployment as the platform last told it."""

    def __init__(self, api: Api, deployment: Json, view: View):
        self.deployment = deployment
        self._api = api
        self._view = view
        self._read_at = 0.0
        self._answered_at = time.monotonic()
        self._is_away = False

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._read_at > REFRESH_SECONDS

    def read(self) -> None:
        """Ask again. A platform that is away is waited for, and the user told so.

        Raises:
            CommandError: it stayed away, or refuses.
        """
        self._read_at = time.monotonic()
        try:
            self.deployment = self._api.get(f"/deployments/{self.deployment['id']}")
        except CommandError as failure:
            away = self._read_at - self._answered_at
            if failure.exit_code not in PASSING or away > PATIENCE_SECONDS:
                raise
            if not self._is_away:
                said = {"source": "autodeploy", "level": "warn"}
                self._view.line({**said, "message": f"{failure.message} Trying again …"})
            self._is_away = True
        else:
            self._answered_at = self._read_at
            self._is_away = False


def lines_after(api: Api, deployment_id: str, sequence: int) -> Iterator[Json]:
    """Every stored line of a deployment after this one, over all pages."""
    after: int | str | None = sequence
    while after is not None:
        page = api.get(f"/deployments/{deployment_id}/logs", after=after)
        yield from page["items"]
        after = page["nextCursor"]


def _start_from_git(api: Api, source: GitSource, options: DeployOptions, place: str | None) -> Json:
    name = options.project or project_slug(source.name)
    project = find_project(api, name, place)
    repository = (project or {}).get("repository") or {}
    if repository.get("url") != source.url:
        wanted = {"url": source.url, "organizationId": _owner(project, place)}
        repository = api.post("/repositories", wanted)
    if options.root_directory:
        # The project keeps the folder, so it is looked for first; the deployment uses the answer.
        looked_at = {"branch": options.ref, "rootDirectory": options.root_directory}
        api.post(f"/repositories/{repository['id']}/analyze", looked_at)
    project = _ensure_project(api, project, name, repository["id"], options.root_directory)
    body = {"environment": environment_name(options.environment, elsewhere=True)}
    if options.ref is not None:
        body["branch"] = options.ref
    return _start(api, project, body, options)


def _start_from_folder(
    api: Api, source: FolderSource, options: DeployOptions, place: str | None
) -> Json:
    if options.root_directory:
        require_folder(source, options.ref, options.root_directory)
    said = read_app_file(source.path)
    name = options.project or said.project or project_slug(source.name)
    environment = environment_name(options.environment, elsewhere=False, folder=source.path)
    project = find_project(api, name, place)
    repository = (project or {}).get("repository") or {}
    known = repository["id"] if repository.get("kind") == "upload" else None
    say(f"Packing {source.path}{f' at {options.ref}' if options.ref else ''}")
    with packed(source, options.ref) as archive:
        uploaded = _upload(
            api, archive, name=name, repositoryId=known, organizationId=_owner(project, place)
        )
    project = _ensure_project(
        api, project, name, uploaded["repository"]["id"], options.root_directory
    )
    body = {"environment": environment, "commit": uploaded["commit"]}
    return _start(api, project, body, options)


def _owner(project: Json | None, place: str | None) -> str | None:
    """The organization that a source goes to: that of its project, else the one that was named;
    None is the caller's own."""
    return project["organizationId"] if project else place


def _upload(api: Api, archive: Path, **query: str | None) -> Json:
    import rich.progress
    from rich.console import Console

    size = archive.stat().st_size
    with rich.progress.open(
        archive,
        "rb",
        description="Uploading",
        console=Console(stderr=True),
        transient=True,
        disable=size < SHOW_UPLOAD_BYTES or not is_interactive(sys.stderr),
    ) as content:
        return api.upload("/repositories/upload", content, size, **query)


def _ensure_project(
    api: Api, project: Json | None, name: str, repository_id: str, root_directory: str | None
) -> Json:
    """The project of that name, made if it is new, with this repository as its source."""
    wanted: Json = {"repositoryId": repository_id}
    if root_directory is not None:
        wanted["rootDirectory"] = root_directory
    if project is None:
        say(f"New project {name}")
        return api.post("/projects", {"name": name, **wanted})
    current = (project.get("repository") or {}).get("id")
    same_root = root_directory in (None, project["rootDirectory"])
    if current == repository_id and same_root:
        return project
    return api.put(f"/projects/{project['id']}", wanted)


def _start(api: Api, project: Json, body: Json, options: DeployOptions) -> Json:
    if options.build is not None:
        body["build"] = "always" if options.build else "never"
    configuration: Json = {}
    if options.ignore_missing:
        configuration["ignoreMissingVariables"] = True
    if options.one_way is not None:
        configuration["oneWayMigration"] = options.one_way
    if options.plan is not None:
        configuration["plan"] = options.plan
    if options.region is not None:
        configuration["region"] = options.region
    if options.database_provider is not None:
        configuration["database"] = {"provider": options.database_provider}
    if configuration:
        body["configuration"] = configuration
    if options.provider is not None:
        body["provider"] = options.provider
    if options.ignore_budget:
        body["ignoreBudget"] = True
    deployment = api.post(f"/projects/{project['id']}/deployments", body)
    say(f"Deploying {project['name']} to {deployment['environment']} ({deployment['id']})")
    return deployment


def _release_before_live(api: Api, project: Json, environment: str) -> str:
    """The id of the newest build that was released before the one that is live now."""
    live_id = get_environment(project, environment)["liveDeploymentId"]
    released = [
        item
        for item in api.items(f"/projects/{project['id']}/deployments")
        if item["environment"] == environment and item["status"] == "ready"
    ]
    live = next((item for item in released if item["id"] == live_id), None)
    origin = (live.get("sourceDeploymentId") or live["id"]) if live else None
    builds = [item["id"] for item in released if item["kind"] == "deploy"]
    earlier = builds[builds.index(origin) + 1 :] if origin in builds else builds
    if not earlier:
        raise CommandError(
            f"{project['name']} has no earlier release in {environment}.",
            remedy="`autodeploy status` lists the deployments; name one by its id.",
        )
    chosen: str = earlier[0]
    return chosen


def _failure(deployment: Json, *, told: bool) -> CommandError:
    if deployment["status"] == "cancelled":
        return CommandError(
            "The deployment was cancelled.",
            remedy="Deploy again when it is wanted; what was live still is.",
            code="deployment_cancelled",
            told=told,
        )
    error = deployment["error"] or {}
    return CommandError(
        error.get("message") or "The deployment failed.",
        code=error.get("code"),
        cause=error.get("cause"),
        log_tail=error.get("logTail") or (),
        told=told,
        remedy=error.get("remedy")
        or f"`autodeploy logs {deployment['id']}` shows everything that it printed.",
    )
