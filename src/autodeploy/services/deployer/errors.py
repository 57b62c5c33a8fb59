"""Why a deployment fails, beyond what providers and the analyzer say."""

from http import HTTPStatus
from uuid import UUID

import structlog

from autodeploy.kernel.descriptors import TooFewFiles, is_exhaustion
from autodeploy.kernel.disk import DiskFull, is_full
from autodeploy.kernel.errors import AutoDeployError, Conflict, DeploymentFailed

_log = structlog.get_logger(__name__)


class AppCrashed(DeploymentFailed):
    """The app's process ended again and again before it answered."""

    code = "app_crashed"


class AppNotListening(DeploymentFailed):
    """The app runs and does not accept connections on its port."""

    code = "app_not_listening"


class AppWrongPort(AppNotListening):
    """The app listens, but on another port than the one it was given."""

    code = "app_wrong_port"


class AppWrongAddress(AppNotListening):
    """The app listens on its port, but at an address that is not asked."""

    code = "app_wrong_address"


class AppOutOfMemory(AppCrashed):
    """The app needed more memory than it may have."""

    code = "app_out_of_memory"


class HealthCheckFailed(DeploymentFailed):
    """The app answers, but only with server errors."""

    code = "health_check_failed"


class RecoveredTooOften(DeploymentFailed):
    """Several workers were lost on this deployment: a dead letter."""

    code = "recovered_too_often"


class InternalFailure(DeploymentFailed):
    """An unexpected exception, after every attempt; the worker's log has it."""

    code = "internal_error"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class SourceMissing(DeploymentFailed):
    """The repository that the deployment was made from is gone."""

    code = "source_missing"


class NotBuilt(DeploymentFailed):
    """The deployment is to do without a build, and there is none of its commit."""

    code = "not_built"
    usual_remedy = "Deploy it with a build: leave out --no-build."


class NotRollbackable(Conflict):
    """The deployment was never released, its artifact is gone, or its database has changed."""

    code = "not_rollbackable"


class NothingLive(Conflict):
    """The environment has no live release, which a command could run in, or which is measured."""

    code = "nothing_live"
    usual_remedy = "Deploy to the environment first (`autodeploy deploy`)."


class DeploymentEnded(Conflict):
    """The deployment has ended, so it cannot be cancelled."""

    code = "deployment_ended"
    usual_remedy = (
        "Nothing is under way; `autodeploy rollback` brings the release before the live one back."
    )


def as_failure(error: Exception, step: str, deployment_id: UUID) -> AutoDeployError:
    """What a step raised, as something to tell the user; what nobody expected is logged."""
    if isinstance(error, AutoDeployError):
        return error
    _log.error("step.failed", step=step, deployment_id=str(deployment_id), exc_info=error)
    if is_exhaustion(error):
        return TooFewFiles()
    if is_full(error):
        return DiskFull(f"The disk of the platform was full during {step}.")
    return InternalFailure(
        f"{step} failed inside AutoDeploy ({type(error).__name__}).",
        remedy="Deploy again; if it fails again, the worker's log says why.",
    )
