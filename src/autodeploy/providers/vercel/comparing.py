"""Where a project at Vercel is otherwise than it was asked for.

Its plan is the account's, and where functions run is Vercel's choice unless a region was chosen. So
that is compared, the variables, and the deployment with the traffic. Variables that others have
added are theirs.
"""

from autodeploy.kernel.http.client import HttpClient
from autodeploy.providers.drift import (
    Comparison,
    DeclaredApp,
    Drift,
    DriftKind,
    compare_variables,
)
from autodeploy.providers.vercel.projects import Projects, project_name, target_of
from autodeploy.providers.vercel.shapes import Project
from autodeploy.providers.vercel.traffic import serves_another
from autodeploy.providers.vercel.variables import ProjectVariables


async def compare_project(http: HttpClient, declared: DeclaredApp) -> Comparison:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise."""
    project = await Projects(http).find(project_name(declared.app))
    if project is None:
        return Comparison((Drift(DriftKind.APP, declared=project_name(declared.app)),))
    target = target_of(declared.app)
    variables = ProjectVariables(http, project.id)
    found, ours = await variables.read(target)
    wanted = {**declared.environment, **declared.run_environment}
    unread = sorted(name for name in wanted if name in found and found[name] is None)
    drifts = compare_variables(wanted, found, ours - wanted.keys())
    placed = _region(project, declared.region)
    return Comparison((*_traffic(project, declared, target), *drifts, *placed), tuple(unread))


def _traffic(project: Project, declared: DeclaredApp, target: str) -> list[Drift]:
    deployment = str(declared.release.resources["deployment"])
    if target != "production" or not serves_another(project, deployment):
        return []
    request = project.last_alias_request
    found = request.to_deployment_id if request is not None else None
    if project.production is not None:
        found = project.production.id
    return [Drift(DriftKind.RELEASE, declared=deployment, found=found)]


def _region(project: Project, chosen: str | None) -> list[Drift]:
    regions = project.function_regions
    if chosen is None or regions == (chosen,):
        return []
    return [Drift(DriftKind.REGION, declared=chosen, found=", ".join(regions) or None)]
