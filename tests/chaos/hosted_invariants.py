"""What has to be true at providers whatever broke, seen in what they hold."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.elsewhere import Elsewhere
from tests.chaos.invariants import settled
from tests.chaos.project import Project, Watched
from tests.fakes import supabase_state as supabase
from tests.fakes import vercel_state as vercel

_OURS = "autodeployDeploymentId"


def check_hosted_live(elsewhere: Elsewhere, project: Project, texts: set[str]) -> list[str]:
    """The traffic is led to one deployment there: the one that is live by our database, which is
    one of these."""
    return settled("live", lambda: list(_traffic_problems(elsewhere, project, texts)))


def _traffic_problems(elsewhere: Elsewhere, project: Project, texts: set[str]) -> Iterator[str]:
    served = [one for app in _apps_of(elsewhere, project) if (one := app.production)]
    keys = [
        key
        for (key,) in project.stage.rows(
            "SELECT deployments.artifact_key FROM environments"
            " JOIN deployments ON deployments.id = environments.live_deployment_id"
            " WHERE environments.project_id = %s",
            project.id,
        )
    ]
    if [one.id for one in served] != keys or len(keys) != bool(texts):
        yield f"{[one.id for one in served]} have the traffic there, and {keys} are live here"
    for one in served:
        if (text := _text_of(elsewhere, one)) not in texts:
            yield f"the page is {text!r}, not one of {sorted(texts)}"
    environments = project.stage.get(f"/projects/{project.id}")["environments"]
    ready = [one.id for one in project.deployments if one.status == "ready"]
    if texts and [one["liveDeploymentId"] in ready for one in environments] != [True]:
        yield f"{environments} are live; {ready} have become ready"


def check_one_of_each_elsewhere(elsewhere: Elsewhere, project: Project) -> list[str]:
    """One project, one database for whoever asked for one, and one deployment for one of ours;
    each variable once; and nothing is at work any more."""
    return settled("elsewhere", lambda: list(_count_problems(elsewhere, project)))


def _count_problems(elsewhere: Elsewhere, project: Project) -> Iterator[str]:
    apps, databases = _apps_of(elsewhere, project), _databases_of(elsewhere, project)
    if len(apps) > 1:
        yield f"the projects at Vercel are {[app.name for app in apps]}"
    for deployment in project.deployments:
        yield from _deployment_problems(elsewhere, deployment)
    refs = [
        ref
        for (ref,) in project.stage.rows(
            "SELECT external_id FROM databases WHERE project_id = %s", project.id
        )
    ]
    # All that were ever made: a second one that was removed is one too many, too.
    if [database.ref for database in databases] != refs:
        yield f"the databases at Supabase are {databases}, and {refs} are known here"
    for app in apps:
        yield from _variable_problems(app, databases)


def _deployment_problems(elsewhere: Elsewhere, deployment: Watched) -> Iterator[str]:
    made = [
        each
        for each in list(elsewhere.vercel.deployments)
        if each.body["meta"][_OURS] == deployment.id
    ]
    if sum(not each.canceled for each in made) > 1:
        yield f"{deployment.id} was made {len(made)} times: {[(m.id, m.state) for m in made]}"
    for each in made:
        if not each.ended:
            yield f"{each.id} is {each.state} there, and {deployment.id} is {deployment.status}"


def _variable_problems(app: vercel.Project, databases: list[supabase.Project]) -> Iterator[str]:
    variables = list(app.variables.values())
    counted = Counter(each["key"] for each in variables)
    if more := [key for key, count in counted.items() if count > 1]:
        yield f"these variables are set more than once: {more}"
    urls = [each["value"] for each in variables if each["key"] == "DATABASE_URL"]
    if len(urls) != len(databases):
        yield f"{len(urls)} connection strings for {len(databases)} databases"
    for url, database in zip(urls, databases, strict=False):
        if database.ref not in url or database.password not in url:
            yield f"the connection string is not of {database.ref}"


def check_nothing_left_elsewhere(elsewhere: Elsewhere) -> list[str]:
    """No project, no database, and no service."""
    return settled("left elsewhere", lambda: list(_leftovers(elsewhere)))


def _leftovers(elsewhere: Elsewhere) -> Iterator[str]:
    if apps := [app.name for app in list(elsewhere.vercel.projects)]:
        yield f"projects at Vercel: {apps}"
    if databases := [database.name for database in elsewhere.supabase.there]:
        yield f"projects at Supabase: {databases}"
    if services := [service.name for service in list(elsewhere.render.services.values())]:
        yield f"services at Render: {services}"


def _apps_of(elsewhere: Elsewhere, project: Project) -> list[vercel.Project]:
    return [app for app in list(elsewhere.vercel.projects) if _is_of(app.name, project)]


def _databases_of(elsewhere: Elsewhere, project: Project) -> list[supabase.Project]:
    made = list(elsewhere.supabase.projects.values())
    return [database for database in made if _is_of(database.name, project)]


def _is_of(name: str, project: Project) -> bool:
    return name.startswith(f"{project.slug}-production-")


def _text_of(elsewhere: Elsewhere, deployment: vercel.Deployment) -> str:
    """Its page."""
    [digest] = [each["sha"] for each in deployment.body["files"] if each["file"] == "index.html"]
    return elsewhere.vercel.files[digest].decode()
