"""Where the services of an app at Render are otherwise than they were asked for.

A service is ours alone, so each of its variables is to be one of ours. Static sites have no plan
and no region. A rollback, and a deployment that fails, leave what the last build has set of a
service, so that is no drift.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from autodeploy.kernel.errors import DeploymentFailed, NotFound
from autodeploy.providers.base import BuildSpec
from autodeploy.providers.drift import (
    Comparison,
    DeclaredApp,
    DeclaredBuild,
    Drift,
    DriftKind,
    compare_variables,
)
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.blueprints import Blueprint, draw, plan_of, variables_of
from autodeploy.providers.render.catalogue import FREE
from autodeploy.providers.render.companions import Shared, draw_companions, names_of_companions
from autodeploy.providers.render.domains import ServiceDomains
from autodeploy.providers.render.instances import instances_wanted
from autodeploy.providers.render.naming import LEFT, MARK
from autodeploy.providers.render.settings import differing, settings_of
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
    drawn = _draw_all(declared, service, plan=plan, region=region)
    drifts = [
        *await _running(api, service, declared, declared.release.resources["deploy"]),
        *_place(service, declared, plan_of(service.type, plan), region),
        *_instances(service, declared),
        *_health_path(service, declared),
        *_settings(service, drawn),
        *await ServiceDomains(api, service).compare(declared.domains),
    ]
    deploys = declared.release.resources.get("beside", {})
    for name in names_of_companions(declared.app, declared.spec):
        if name not in beside:
            drifts.append(Drift(DriftKind.APP, declared=name))
            continue
        companion = beside[name]
        drifts += [
            *await _running(api, companion, declared, deploys.get(name), name),
            *_plan_of_companion(companion, declared),
            *_settings(companion, drawn, name),
        ]
    # What differs in several services is told once.
    return Comparison(tuple(dict.fromkeys(drifts)))


async def _running(
    api: RenderApi, service: Service, app: DeclaredApp, ours: str | None, name: str | None = None
) -> list[Drift]:
    """Whether it runs its deploy, and with which variables; ``name`` is None for the app's own, and
    ``ours`` where the release had none of it."""
    found = await api.variables(service.id)
    mark = found.pop(MARK, "")
    drifts = _variables(found, app)
    if not service.is_suspended:
        return [*(await _traffic(api, service, ours, name) if ours else ()), *drifts]
    # What we have suspended ourselves, a deployment resumes.
    told = Drift(
        DriftKind.SUSPENDED,
        name,
        declared="running",
        found="suspended",
        stays=mark != LEFT,
        remedy=None
        if mark == LEFT
        else f"Resume the service {service.name} in Render's dashboard: until then deployments to "
        "it are refused.",
    )
    return [told, *drifts]


async def _traffic(api: RenderApi, service: Service, ours: str, name: str | None) -> list[Drift]:
    try:
        deploy = await api.deploy(service.id, ours)
    except NotFound:
        deploy = None
    if deploy is not None and deploy.status is DeployStatus.LIVE:
        return []
    newest = await api.deploys(service.id)
    found = next((each.id for each in newest if each.status is DeployStatus.LIVE), None)
    return [Drift(DriftKind.RELEASE, name, declared=ours, found=found)]


def _variables(found: Mapping[str, str], app: DeclaredApp) -> list[Drift]:
    """Those that no build of ours has set so: each sets its own port and version of the runtime."""
    specs = (app.spec, *(each.spec for each in app.later_builds))
    drifts, *later = (_variables_of_build(found, app, spec) for spec in specs)
    names = [{each.name for each in others} for others in later]
    return [drift for drift in drifts if all(drift.name in each for each in names)]


def _variables_of_build(found: Mapping[str, str], app: DeclaredApp, spec: BuildSpec) -> list[Drift]:
    """A release that was brought back has no variables of the build any more."""
    running = variables_of(spec, app.run_environment)
    building = {
        name: value
        for name, value in app.environment.items()
        if name not in running and name in found
    }
    wanted = {**building, **running}
    return compare_variables(wanted, found, found.keys() - wanted.keys())


_Drawn = Mapping[str, Blueprint]


def _draw_all(app: DeclaredApp, found: Service, *, plan: str, region: str) -> list[_Drawn]:
    """The services as each build sets them up, by their names: that of the live release first.
    Nothing where that one cannot be drawn any more: then nobody knows how it is to be."""
    live, *later = (
        _draw(app, build, found, plan=plan, region=region)
        for build in (DeclaredBuild(app.spec, app.commit, app.plan), *app.later_builds)
    )
    return [] if live is None else [live, *(each for each in later if each is not None)]


def _draw(
    app: DeclaredApp, build: DeclaredBuild, found: Service, *, plan: str, region: str
) -> _Drawn | None:
    """None where it cannot be, such as of an upload, or of what was refused."""
    wanted = replace(app, spec=build.spec, commit=build.commit, plan=build.plan)
    try:
        own = draw(wanted, plan=plan, region=region)
        shared = Shared.of_build(wanted, own, found, plan=plan, region=region)
        beside = draw_companions(app.app, build.spec, shared)
    except DeploymentFailed:
        return None
    return {own.name: own, **{each.name: each.blueprint for each in beside}}


def _settings(
    service: Service, drawn: Sequence[_Drawn], name: str | None = None
) -> Iterator[Drift]:
    """What no build of ours has set so. What Render does not tell is none."""
    there = settings_of(service)
    builds = [each[service.name].settings for each in drawn if service.name in each]
    if not builds:
        return
    differs = [(each.keys(), differing(each, there)) for each in builds]
    for kind, wanted in builds[0].items():
        found = there.get(kind)
        # A build that does not set it, such as that of an image a build command, has not set it so.
        is_foreign = all(kind in others for sets, others in differs if kind in sets)
        if is_foreign and found is not None:
            yield Drift(kind, name, declared=wanted, found=found)


def _instances(service: Service, app: DeclaredApp) -> list[Drift]:
    """The free plan has one, whatever is asked for."""
    wanted = instances_wanted(service, app.spec)
    details = service.details or Details()
    if wanted is None or details.plan == FREE:
        return []
    found = str(details.instances)
    return [Drift(DriftKind.INSTANCES, declared=str(wanted), found=found)]


def _health_path(service: Service, app: DeclaredApp) -> list[Drift]:
    """Where none is declared, one may be set at Render."""
    wanted = app.spec.health_path
    ours = {wanted, *filter(None, (each.spec.health_path for each in app.later_builds))}
    found = service.details.health_path if service.details else None
    if service.type is not ServiceType.WEB or wanted is None or found in ours:
        return []
    return [Drift(DriftKind.HEALTH_PATH, declared=wanted, found=found)]


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
