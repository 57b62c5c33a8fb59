"""Why a deploy failed at Render, as an error of ours.

The reason is in the events of the service (``details.reason.failure``), the evidence in the last
lines of its build, or of what the app has said.
"""

from autodeploy.kernel.errors import AutoDeployError, DeploymentFailed
from autodeploy.providers.render.api import RenderApi
from autodeploy.providers.render.shapes import Deploy, DeployStatus, Failure

_ENDS = {
    DeployStatus.BUILD_FAILED: "build_ended",
    DeployStatus.PREPARATION_FAILED: "pre_deploy_ended",
    DeployStatus.UPDATE_FAILED: "deploy_ended",
}


class RenderBuildFailed(DeploymentFailed):
    """The build of the app failed at Render."""

    code = "build_failed"


class RenderReleaseCommandFailed(DeploymentFailed):
    """The command that prepares a release failed at Render."""

    code = "release_command_failed"


async def explain(
    api: RenderApi, service_id: str, deploy: Deploy, lines: list[str]
) -> DeploymentFailed:
    """The error of a deploy that did not reach its end; ``lines`` are the last that was said."""
    if deploy.status is DeployStatus.CANCELED:
        return DeploymentFailed(
            "The deploy was cancelled at Render.",
            remedy="Somebody cancelled it there, or a newer one took its place. Deploy again.",
            log_tail=lines,
        )
    cause = await _cause(api, service_id, deploy)
    if deploy.status is DeployStatus.BUILD_FAILED:
        return RenderBuildFailed("The build failed at Render.", cause=cause, log_tail=lines)
    if deploy.status is DeployStatus.PREPARATION_FAILED:
        return RenderReleaseCommandFailed(
            "The release command failed at Render.", cause=cause, log_tail=lines
        )
    return DeploymentFailed(
        "The new release did not start at Render; the one before goes on.",
        cause=cause,
        remedy="Read the app's output: it has to listen on the port that $PORT names, on 0.0.0.0.",
        log_tail=lines,
    )


async def _cause(api: RenderApi, service_id: str, deploy: Deploy) -> str | None:
    """What Render's events tell; None where they tell nothing, which is no error of its own."""
    try:
        events = await api.events(service_id, deploy.created_at)
    except AutoDeployError:
        return None
    for event in events:
        details = event.details
        if details is None or event.type != _ENDS.get(deploy.status):
            continue
        # That of a build names the build alone, not the deploy.
        if details.deploy_id in (None, deploy.id) and event.failure:
            return _sentence(event.failure)
    return None


def _sentence(failure: Failure) -> str | None:
    if failure.out_of_memory is not None:
        return (
            f"It needed more memory than it may have ({failure.out_of_memory.limit or 'unknown'})."
        )
    if failure.timed_out_seconds is not None:
        return f"It took longer than {failure.timed_out_seconds} s."
    if failure.exit_code is not None:
        return f"Its command ended with exit code {failure.exit_code}."
    if failure.unhealthy:
        return f"It did not become healthy: {failure.unhealthy}"
    if failure.ended_early:
        return "Its process ended early."
    if failure.evicted:
        return f"Render stopped it: {failure.eviction or 'it does not say why'}"
    return None
