"""Where a project at Vercel is otherwise than it was asked for.

Its plan is the account's, and where functions run is Vercel's choice unless a region was chosen. So
that is compared, the variables, the deployment with the traffic, who else than us may change that,
and the domains. Variables that others have added are theirs. Commands, folders and versions go with
each deployment (``projectSettings``, "Project settings that will be applied to the deployment",
Vercel's SDK 1.28.35): what the project has of them counts for none of ours.
"""

import asyncio
from collections.abc import Iterator, Sequence

from autodeploy.kernel.http.client import HttpClient
from autodeploy.providers.drift import (
    Comparison,
    DeclaredApp,
    Drift,
    DriftKind,
    compare_variables,
    lapsed_domain,
    missing_domain,
)
from autodeploy.providers.vercel.domains import Domains
from autodeploy.providers.vercel.projects import Projects, project_name, target_of
from autodeploy.providers.vercel.shapes import Project
from autodeploy.providers.vercel.traffic import serves_another
from autodeploy.providers.vercel.variables import ProjectVariables

_AT_ONCE = 4


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
    found_otherwise = (
        *_traffic(project, declared, target),
        *drifts,
        *_region(project, declared.region),
        *_settings(project, target),
        *await _domains(http, project, declared.domains),
    )
    return Comparison(found_otherwise, tuple(unread))


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


def _settings(project: Project, target: str) -> Iterator[Drift]:
    """What was set when the project was made or is set with each build, of that which stands beside
    our deployments."""
    if project.paused:
        yield Drift(
            DriftKind.SUSPENDED, declared="running", found="paused", stays=True,
            remedy=f"Resume the project {project.name} at Vercel: visitors are told that it is "
            "paused.",
        )  # fmt: skip
    if project.auto_assign_custom_domains and target == "production":
        yield Drift(DriftKind.AUTO_PROMOTE, declared="no", found="yes")
    if project.link is not None:
        linked = "/".join(filter(None, (project.link.org, project.link.repo)))
        yield Drift(
            DriftKind.AUTO_DEPLOY, declared="no", found=linked or project.link.type, stays=True,
            remedy=f"Disconnect the repository in the settings of the project {project.name} at "
            "Vercel (Git): it deploys each push by itself, beside AutoDeploy.",
        )  # fmt: skip
    if project.protection is not None:
        yield Drift(
            DriftKind.PROTECTION, declared="none", found=project.protection.deployment_type,
            stays=True,
            remedy=f"Switch it off in the settings of the project {project.name} at Vercel "
            "(Deployment Protection), unless visitors are to sign in: health checks are asked to, "
            "too.",
        )  # fmt: skip


async def _domains(http: HttpClient, project: Project, names: Sequence[str]) -> list[Drift]:
    slots = asyncio.Semaphore(_AT_ONCE)

    async def compare(name: str) -> Drift | None:
        async with slots:
            return await _domain(http, project, name)

    found = await asyncio.gather(*map(compare, names))
    return [each for each in found if each is not None]


async def _domain(http: HttpClient, project: Project, name: str) -> Drift | None:
    domains = Domains(http, project.id)
    status = await domains.find(name)
    if status is not None:
        return None if status.verified else lapsed_domain(name, status.records)
    holder_id = await domains.project_of(name)
    elsewhere = None
    if holder_id not in (None, project.id):
        holder = await Projects(http).find(str(holder_id))
        elsewhere = holder.name if holder is not None else holder_id
    return missing_domain(name, project.name, elsewhere, "project", "Vercel")
