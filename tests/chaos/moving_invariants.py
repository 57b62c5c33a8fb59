"""What has to be true of an app that moves from and to Render, whatever broke: its workers and
crons work where it is live, and nowhere else."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.invariants import settled
from tests.chaos.project import Project
from tests.fakes.render_api import FakeRenderApi
from tests.fakes.render_state import FakeService

from autodeploy.providers.render.naming import LEFT, MARK

_WEB, _WORKER, _CRON = "web_service", "background_worker", "cron_job"
_ASKED_FOR = ("api", "rollback")


def check_moved(
    render: FakeRenderApi, project: Project, texts: set[str], *, held: bool
) -> list[str]:
    """One release is live, one of these. Where it is at Render, all its services run it; where it
    is not, what works by itself there is suspended. ``held`` is whether somebody has suspended its
    worker in the dashboard: so it is still."""

    def problems() -> list[str]:
        services = _services_of(render, project)
        return [
            *_live_problems(project, texts),
            *_service_problems(render, project, services, held=held),
            *_count_problems(render, project, services),
            *(_held_problems(worker_of(render, project)) if held else ()),
        ]

    return settled("moved", problems)


def worker_of(render: FakeRenderApi, project: Project) -> FakeService:
    """The worker of a project at Render. Raises ``LookupError`` where it has none or several."""
    found = [each for each in _services_of(render, project) if each.sent["type"] == _WORKER]
    if len(found) != 1:
        raise LookupError(f"its workers are {[each.name for each in found]}")
    return found[0]


def _live(project: Project) -> list[tuple[str, str, str]]:
    """The deployments that are live, each with its provider and commit."""
    return project.stage.rows(
        "SELECT deployments.id::text, deployments.provider, deployments.commit_sha"
        " FROM environments JOIN deployments ON deployments.id = environments.live_deployment_id"
        " WHERE environments.project_id = %s",
        project.id,
    )


def _live_problems(project: Project, texts: set[str]) -> Iterator[str]:
    live = _live(project)
    ready = [one.id for one in project.deployments if one.status == "ready"]
    found = [project.commits.get(commit) for deployment, _, commit in live if deployment in ready]
    if len(live) != 1 or not texts.issuperset(found) or not found:
        yield f"{live} is live, not one of {sorted(texts)}; {ready} have become ready"
    if any(provider == "local" for _, provider, _ in live):
        page = project.stage.platform.page(project.slug)
        if page not in texts:
            yield f"the page is {page!r}, not one of {sorted(texts)}"


def _service_problems(
    render: FakeRenderApi, project: Project, services: list[FakeService], *, held: bool
) -> Iterator[str]:
    """All run what is live where it is at Render; none but the site works where it is not."""
    now = render.time.monotonic()
    for _, provider, commit in _live(project):
        for service in services:
            kind = service.sent["type"]
            runs = [one.commit for one in service.deploys if service.status_of(one, now) == "live"]
            at_work = f"{service.name} runs {runs} (suspended: {service.suspended})"
            if provider != "render":
                if kind != _WEB and (runs or not service.suspended):
                    yield f"{at_work}, while the app is live at {provider}"
            elif (service.suspended or runs != [commit]) and not (held and kind == _WORKER):
                yield f"{at_work}, not {commit}"


def _count_problems(
    render: FakeRenderApi, project: Project, services: list[FakeService]
) -> Iterator[str]:
    """One service for each intent, and one deploy; and nothing is under way any more."""
    [(were_there,)] = project.stage.rows(
        "SELECT count(*) FROM deployments WHERE project_id = %s AND provider = 'render'",
        project.id,
    )
    kinds = sorted(service.sent["type"] for service in services)
    if kinds != ([_WORKER, _CRON, _WEB] if were_there else []):
        yield f"the services at Render are {[service.name for service in services]}"
    now = render.time.monotonic()
    for service in services:
        asked = Counter(
            (one.commit, one.built)
            for one in list(service.deploys)
            if one.trigger in _ASKED_FOR and one.canceled_at is None
        )
        if more := [key for key, count in asked.items() if count > 1]:
            yield f"{service.name} was deployed more than once with {more}"
        if going_on := [one.id for one in service.deploys if not one.ended(now)]:
            yield f"{going_on} of {service.name} go on there"


def _held_problems(worker: FakeService) -> Iterator[str]:
    happened = [kind for _, kind, _ in worker.happened]
    if not worker.suspended or "service_resumed" in happened:
        yield f"what somebody has suspended was resumed: {happened}"
    if worker.variables.get(MARK) == LEFT:
        yield "what somebody has suspended counts as ours"


def _services_of(render: FakeRenderApi, project: Project) -> list[FakeService]:
    """Those whose names begin with the project's: what follows is cut short there."""
    held = list(render.services.values())
    return [each for each in held if each.name.startswith(f"{project.slug}-")]
