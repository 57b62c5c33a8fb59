"""Where a service at Render is otherwise than it was asked for.

A service is ours alone, so each of its variables is to be one of ours. Static sites have no plan
and no region.
"""

from autodeploy.kernel.errors import NotFound
from autodeploy.providers.drift import (
    Comparison,
    DeclaredApp,
    Drift,
    DriftKind,
    compare_variables,
)
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.blueprints import plan_of, variables_of
from autodeploy.providers.render.reuse import MARK
from autodeploy.providers.render.shapes import DeployStatus, Details, Service, ServiceType


async def compare_service(
    api: RenderApi, service: Service, declared: DeclaredApp, *, plan: str, region: str
) -> Comparison:
    """``plan`` and ``region`` are those of what none was chosen for. Raises what the calls of
    ``RenderApi`` raise."""
    drifts = [
        *await _traffic(api, service, declared),
        *await _variables(api, service, declared),
        *_place(service, declared, plan_of(service.type, plan), region),
    ]
    return Comparison(tuple(drifts))


async def _traffic(api: RenderApi, service: Service, declared: DeclaredApp) -> list[Drift]:
    ours = str(declared.release.resources["deploy"])
    try:
        deploy = await api.deploy(service.id, ours)
    except NotFound:
        deploy = None
    if deploy is not None and deploy.status is DeployStatus.LIVE:
        return []
    newest = await api.deploys(service.id)
    found = next((each.id for each in newest if each.status is DeployStatus.LIVE), None)
    return [Drift(DriftKind.RELEASE, declared=ours, found=found)]


async def _variables(api: RenderApi, service: Service, declared: DeclaredApp) -> list[Drift]:
    """A release that was brought back has no variables of the build any more."""
    found = await api.variables(service.id)
    found.pop(MARK, None)
    running = variables_of(declared.spec, declared.run_environment)
    building = {
        name: value
        for name, value in declared.environment.items()
        if name not in running and name in found
    }
    wanted = {**building, **running}
    return compare_variables(wanted, found, found.keys() - wanted.keys())


def _place(service: Service, app: DeclaredApp, plan: str, region: str) -> list[Drift]:
    """A deployment sets a plan that was chosen, and no other; a region stays for good."""
    if service.type is ServiceType.STATIC:
        return []
    details = service.details or Details()
    places = (
        (DriftKind.PLAN, app.plan or plan, details.plan, app.plan is None),
        (DriftKind.REGION, app.region or region, details.region, True),
    )
    return [
        Drift(kind, declared=wanted, found=found, stays=stays)
        for kind, wanted, found, stays in places
        if found is not None and found != wanted
    ]
