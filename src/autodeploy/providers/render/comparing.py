"""Where the services of an app at Render are otherwise than they were asked for.

A service is ours alone, so each of its variables is to be one of ours. Static sites have no plan
and no region.
"""

from collections.abc import Mapping

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
from autodeploy.providers.render.builds import runtime_of
from autodeploy.providers.render.companions import names_of_companions
from autodeploy.providers.render.naming import MARK
from autodeploy.providers.render.shapes import DeployStatus, Details, Service, ServiceType


async def compare_services(
    api: RenderApi,
    service: Service,
    beside: Mapping[str, Service],
    declared: DeclaredApp,
    *,
    plan: str,
    region: str,
) -> Comparison:
    """``beside`` are the services beside the app's, by name; ``plan`` and ``region`` are those of
    what none was chosen for. Raises what the calls of ``RenderApi`` raise."""
    drifts = [
        *await _traffic(api, service, str(declared.release.resources["deploy"])),
        *await _variables(api, service, declared),
        *_place(service, declared, plan_of(service.type, plan), region),
        *_health_path(service, declared),
        *_runtime(service, declared),
    ]
    deploys = declared.release.resources.get("beside", {})
    for name in names_of_companions(declared.app, declared.spec):
        if name not in beside:
            drifts.append(Drift(DriftKind.APP, declared=name))
            continue
        drifts += [
            *await _traffic(api, beside[name], str(deploys.get(name, ""))),
            *await _variables(api, beside[name], declared),
            *_plan_of_companion(beside[name], declared),
            *_runtime(beside[name], declared),
        ]
    # What differs in several services is told once.
    return Comparison(tuple(dict.fromkeys(drifts)))


async def _traffic(api: RenderApi, service: Service, ours: str) -> list[Drift]:
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


def _health_path(service: Service, app: DeclaredApp) -> list[Drift]:
    """Where none is declared, one may be set at Render."""
    wanted = app.spec.health_path
    found = service.details.health_path if service.details else None
    if service.type is not ServiceType.WEB or wanted is None or found == wanted:
        return []
    return [Drift(DriftKind.HEALTH_PATH, declared=wanted, found=found)]


def _runtime(service: Service, app: DeclaredApp) -> list[Drift]:
    """Sites have none."""
    found = service.details.runtime if service.details else None
    if service.type is ServiceType.STATIC or found in (None, runtime_of(app.spec)):
        return []
    return [Drift(DriftKind.RUNTIME, declared=runtime_of(app.spec), found=found)]


def _plan_of_companion(service: Service, app: DeclaredApp) -> list[Drift]:
    """One that nobody chose is of no account: it may be changed at Render."""
    found = service.details.plan if service.details else None
    if app.plan is None or found is None or found == plan_of(service.type, app.plan):
        return []
    return [Drift(DriftKind.PLAN, declared=plan_of(service.type, app.plan), found=found)]


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
