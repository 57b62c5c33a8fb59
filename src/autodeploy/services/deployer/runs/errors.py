"""Why a one-off command is not begun, or did not end by itself."""

from http import HTTPStatus

from autodeploy.kernel.errors import AutoDeployError, Conflict


class RunNotPossible(Conflict):
    """What is live is a folder of files, with no process and nothing to run."""

    code = "run_not_possible"
    usual_remedy = "Run it on your own machine, or as the build command of the next deployment."


class TooManyRuns(Conflict):
    """As many commands of the environment are under way as may be at once."""

    code = "too_many_runs"
    usual_remedy = "Wait until one of them has ended, or stop one."


class RunEnded(Conflict):
    """The command has ended, so it cannot be stopped."""

    code = "run_ended"
    usual_remedy = "Nothing is under way."


class RunLost(AutoDeployError):
    """Nobody saw the command's end: what it has done is not known, and it is not repeated."""

    code = "run_lost"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    usual_remedy = "Look what it has done, and run it again where that is safe."


class RunTimedOut(AutoDeployError):
    """The command took longer than it may, and was stopped."""

    code = "run_timed_out"
    status = HTTPStatus.GATEWAY_TIMEOUT
    usual_remedy = "Give it more time (`--timeout`), or have it do less at once."
