"""What has to be true whatever broke, seen through the API, the database and the machine."""

import contextlib
import http.client
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import psycopg
from tests.chaos.app import LINES, PAGES
from tests.chaos.project import Project
from tests.chaos.stage import Refused, Stage
from tests.e2e.platform import port_is_free

#: A release that is replaced drains for 5 s and then has as long to end as an app may take.
SETTLED_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
#: The folders below the home where each deployment, project or upload has something of its own.
_FOLDERS = ("builds", "releases", "cache", "standby", "sources", "objects/artifacts")
_AWAY = (OSError, http.client.HTTPException, psycopg.Error, Refused, LookupError)


def settled(what: str, problems: Callable[[], list[str]]) -> list[str]:
    """The problems that are still there after ``SETTLED_SECONDS``; none as soon as there are
    none."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while True:
        try:
            found = problems()
        except _AWAY as error:
            found = [f"cannot be looked at: {error!r}"]
        if not found:
            return []
        if time.monotonic() > deadline:
            return [f"{what}: {one}" for one in found]
        time.sleep(_PAUSE_SECONDS)


def check_live(project: Project, texts: set[str]) -> list[str]:
    """One release is live, it is one of these, and it alone runs."""

    def problems() -> list[str]:
        return [*_page_problems(project, texts), *_process_problems(project, texts)]

    return settled("live", problems)


def check_page(project: Project, text: str) -> list[str]:
    """This release is live."""
    return settled("live", lambda: list(_page_problems(project, {text})))


def check_no_process(project: Project) -> list[str]:
    """Nothing of it runs on this machine."""
    return settled("live", lambda: list(_process_problems(project, set())))


def _page_problems(project: Project, texts: set[str]) -> Iterator[str]:
    environments = project.stage.get(f"/projects/{project.id}")["environments"]
    live = [one["liveDeploymentId"] for one in environments]
    ready = [one.id for one in project.deployments if one.status == "ready"]
    if texts and (len(live) != 1 or live[0] not in ready):
        yield f"{live} is live; {ready} have become ready"
    page = project.stage.platform.page(project.slug)
    if texts and page not in texts:
        yield f"the page is {page!r}, not one of {sorted(texts)}"


def _process_problems(project: Project, texts: set[str]) -> Iterator[str]:
    if project.kind in PAGES:
        return
    running = _programs_of(project.mark)
    wanted = ["server.py", "worker.py"] if texts else []
    if running != wanted:
        yield f"these run: {running}, not {wanted}"


def _programs_of(mark: str) -> list[str]:
    """The programs of an app that run, without the shells and sandboxes around them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            arguments = process.cmdline()
            if mark in arguments and arguments[-1] == mark and len(arguments) == 3:
                found.append(arguments[1])
    return sorted(found)


def check_deployments(project: Project) -> list[str]:
    """Each intent made one deployment, each line that was shown is stored, once and in order, and
    nothing was made live twice."""
    return settled("deployments", lambda: list(_deployment_problems(project)))


def _deployment_problems(project: Project) -> Iterator[str]:
    stage = project.stage
    listed = {one["id"] for one in stage.get(f"/projects/{project.id}/deployments")["items"]}
    asked = {one.id for one in project.deployments}
    if listed != asked:
        yield f"{len(asked)} deployments were asked for, and there are {len(listed)}"
    for deployment in project.deployments:
        rows = stage.rows(
            "SELECT sequence, source, message FROM deployment_logs"
            " WHERE deployment_id = %s ORDER BY sequence",
            deployment.id,
        )
        numbers = [number for number, _, _ in rows]
        if numbers != list(range(1, len(rows) + 1)):
            yield f"{deployment.id}: its lines have the numbers {numbers}"
        shown = [(one["sequence"], one["message"]) for one in deployment.shown]
        stored = [(number, message) for number, _, message in rows]
        if shown != stored[: len(shown)]:
            yield f"{deployment.id}: lines that were shown are not stored as they were"
        built = [message for _, source, message in rows if source == "build"]
        yield from _line_problems(deployment.id, built, whole=deployment.status == "ready")
        events = stage.rows(
            "SELECT sequence, payload ->> 'status' FROM deployment_events"
            " WHERE deployment_id = %s ORDER BY sequence",
            deployment.id,
        )
        if [number for number, _ in events] != list(range(1, len(events) + 1)):
            yield f"{deployment.id}: its events are not numbered from one without a gap"
        ends = [status for _, status in events if status in ("ready", "error", "cancelled")]
        if ends != [deployment.status]:
            yield f"{deployment.id}: it was told to have ended as {ends}"


def _line_problems(name: str, built: list[str], *, whole: bool) -> Iterator[str]:
    """Each run of the build counts from one without a gap, and the last one to its end."""
    numbers = [
        int(found[1]) for line in built if (found := re.fullmatch(r"build line (\d+)", line))
    ]
    begins = [place for place, number in enumerate(numbers) if number == 1]
    for begin, end in pairwise(sorted({0, *begins, len(numbers)})):
        if numbers[begin:end] != list(range(1, end - begin + 1)):
            yield f"{name}: the lines of its build are {numbers}"
    if whole and numbers and numbers[-1] != LINES:
        yield f"{name}: the last lines of its build are missing"


def check_one_of_each(project: Project) -> list[str]:
    """One database an environment that asked for one, one artifact a deployment that built."""
    return settled("resources", lambda: list(_resource_problems(project)))


def _resource_problems(project: Project) -> Iterator[str]:
    stage = project.stage
    rows = stage.rows("SELECT external_id, status FROM databases WHERE project_id = %s", project.id)
    if len(rows) != (project.kind == "database"):
        yield f"its databases are {rows}"
    of_all = {name for (name,) in stage.rows("SELECT external_id FROM databases")}
    if unknown := stage.app_databases() - of_all:
        yield f"databases that belong to nobody: {unknown}"
    artifacts = stage.home / "objects/artifacts"
    stored = {path.name for path in artifacts.rglob("*") if path.is_file()}
    keys = stage.rows(
        "SELECT DISTINCT artifact_key FROM deployments WHERE artifact_key IS NOT NULL"
    )
    known = {key.rpartition("/")[2] for (key,) in keys}
    if unknown := stored - known:
        yield f"artifacts that belong to no deployment: {unknown}"


def check_nothing_left(stage: Stage, *projects: Project) -> list[str]:
    """No process, port, folder, route, database or row of these, nor of anything else."""
    return settled("left behind", lambda: list(_leftovers(stage, projects)))


def _leftovers(stage: Stage, projects: tuple[Project, ...]) -> Iterator[str]:
    for project in projects:
        if programs := _programs_of(project.mark):
            yield f"processes: {programs}"
        if project.slug in stage.routes():
            yield "a route"
        if stage.rows("SELECT 1 FROM projects WHERE id = %s", project.id):
            yield "the project's row"
        for port in project.ports:
            if not port_is_free(port):
                yield f"the port {port}"
    if names := stage.app_databases():
        yield f"databases: {names}"
    for name in _FOLDERS:
        folder = stage.home / name
        if entries := sorted(_entries(folder)):
            yield f"in {name}: {entries}"
    if entries := sorted(_entries(stage.temporary)):
        yield f"temporary: {entries}"
    if (table := stage.home / "routes/apps.json").exists() and "local_port" in table.read_text():
        yield "a row of the routed apps"
    if targets := [path.name for path in (stage.home / "routes").iterdir() if path != table]:
        yield f"in routes: {targets}"


def _entries(folder: Path) -> Iterator[str]:
    return (path.name for path in folder.iterdir()) if folder.is_dir() else iter(())
