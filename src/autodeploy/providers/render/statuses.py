"""How a release fares at Render: by the status of its deploy, and once that is live, by what has
happened to the service since.

An account may read 400 times a minute, and every live release is asked for again and again: two
reads are all that this takes.
"""

from dataclasses import replace

from autodeploy.providers.base import RuntimeStatus
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import Deploy, DeployStatus, Event

_STATES = {
    DeployStatus.DEACTIVATED: "stopped",
    DeployStatus.CANCELED: "stopped",
    DeployStatus.BUILD_FAILED: "crashed",
    DeployStatus.PREPARATION_FAILED: "crashed",
    DeployStatus.UPDATE_FAILED: "crashed",
}
_HAPPENED = {
    "server_failed": "backoff",  # Render starts it again
    "server_available": "running",
    "service_suspended": "stopped",
    "service_resumed": "running",
}


async def status_of(api: RenderApi, service_id: str, deploy: Deploy) -> RuntimeStatus:
    """What nobody knows is still starting."""
    if deploy.status is not DeployStatus.LIVE:
        return RuntimeStatus(_STATES.get(deploy.status, "starting"), 0, None, ())
    happened = _since_live(await api.events(service_id, deploy.created_at), deploy.id)
    failures = [each for each in happened if each.type == "server_failed"]
    failure = failures[0].failure if failures else None
    return RuntimeStatus(
        state=_HAPPENED[happened[0].type] if happened else "running",
        restarts=len(failures),
        exit_code=failure.exit_code if failure else None,
        log_tail=(),
        out_of_memory=failure is not None and failure.out_of_memory is not None,
    )


async def live_status_of(api: RenderApi, service_id: str, deploy: Deploy) -> RuntimeStatus:
    """Of one that is to have the traffic: whether another has it, or the service stands still."""
    status = await status_of(api, service_id, deploy)
    if deploy.status is not DeployStatus.DEACTIVATED:
        return status
    is_suspended = (await api.service(service_id)).is_suspended
    return status if is_suspended else replace(status, state="replaced")


def _since_live(events: list[Event], deploy_id: str) -> list[Event]:
    """What tells of a state, newest first: not what befell the release before."""
    told = []
    for event in events:
        if event.type == "deploy_ended" and event.details and event.details.deploy_id == deploy_id:
            break
        if event.type in _HAPPENED:
            told.append(event)
    return told
