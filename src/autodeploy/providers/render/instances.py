"""How many processes of an app run at Render: as many as it asks for, on paid plans."""

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.timing import Timing
from autodeploy.providers.base import BuildSpec, LogSink
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.catalogue import FREE, LEAST_PAID
from autodeploy.providers.render.patience import outwait_limit
from autodeploy.providers.render.shapes import Details, Service


def require_instances(spec: BuildSpec, plan: str) -> None:
    """Raise ``DeploymentFailed`` for more than the plan has."""
    if plan == FREE and _wanted(spec) > 1:
        raise DeploymentFailed(
            f"Render runs one process of an app on the plan {FREE}, not {spec.replicas}.",
            field="replicas",
            remedy=f"Set replicas to 1, or choose a paid plan: the least is {LEAST_PAID}.",
        )


@fault_point("render.scale")
async def scale(
    api: RenderApi, service: Service, spec: BuildSpec, log: LogSink, timing: Timing
) -> None:
    """Have the app go on with as many as it asks for. One that Render scales by itself is left so,
    and so is one on the free plan, which the log says."""
    wanted = instances_wanted(service, spec)
    if wanted is None:
        return
    if (service.details or Details()).plan == FREE:
        await log("warn", "render", f"The plan {FREE} has one process at Render, not {wanted}.")
        return
    await outwait_limit(lambda: api.scale(service.id, wanted), "scales this service", log, timing)
    await log("info", "render", f"The app runs in {wanted} processes at Render.")


def instances_wanted(service: Service, spec: BuildSpec) -> int | None:
    """How many the app asks for where the service has another number; None where Render tells none,
    or scales it by itself."""
    details, wanted = service.details or Details(), _wanted(spec)
    is_scaled = details.autoscaling is not None and details.autoscaling.enabled
    return None if is_scaled or details.instances in (None, wanted) else wanted


def _wanted(spec: BuildSpec) -> int:
    """Files are served by Render itself, by none of the app's own, and a worker runs once."""
    return spec.replicas if spec.kind == "server" else 1
