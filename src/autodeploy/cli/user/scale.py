"""``scale``: how many processes of an environment's app run."""

import time

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import print_json, say
from autodeploy.cli.user.client import Api, Json, segment
from autodeploy.cli.user.projects import get_environment, get_project
from autodeploy.kernel.app_file import MAXIMUM_REPLICAS

DECLARED = "declared"
WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.3


def run(replicas: str, project_name: str | None, environment: str, *, as_json: bool) -> None:
    """Set the number, and where something is live wait until so many are up.

    Raises:
        CommandError: also when they are not up in time; the number stays all the same.
    """
    wanted = None if replicas == DECLARED else _number(replicas)
    api = Api.connect()
    project = get_project(api, project_name)
    get_environment(project, environment)
    path = f"/projects/{project['id']}/environments"
    scaled = api.put(f"{path}/{segment(environment)}/scale", {"replicas": wanted})
    if wanted is not None and scaled["liveDeploymentId"]:
        scaled = _wait_until_up(api, path, environment, wanted)
    if as_json:
        print_json(scaled)
    elif wanted is None:
        say(f"{environment} of {project['name']} runs as many replicas as autodeploy.toml says.")
    elif scaled["liveDeploymentId"]:
        say(f"{environment} of {project['name']} runs {wanted} of {wanted} replicas.")
    else:
        say(f"The next deployment to {environment} of {project['name']} runs {wanted} replicas.")


def _number(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= MAXIMUM_REPLICAS:
        return int(text)
    raise CommandError(
        f"{text!r} is no number of replicas: it is from 1 to {MAXIMUM_REPLICAS}, or `{DECLARED}`.",
        remedy="To take an app down, delete its environment (`autodeploy environments delete`) or "
        "its project (`autodeploy destroy`).",
        exit_code=ExitCode.USAGE,
    )


def _wait_until_up(api: Api, path: str, name: str, wanted: int) -> Json:
    """The environment, once so many replicas are up."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        environment = get_environment({"name": "", "environments": api.get(path)["items"]}, name)
        found = (environment["runtime"] or {}).get("replicas") or {"running": 0}
        if found == {"running": wanted, "wanted": wanted}:
            return environment
        if time.monotonic() > deadline:
            raise CommandError(
                f"{found['running']} of {wanted} replicas are up after {WAIT_SECONDS:.0f} s.",
                remedy="`autodeploy status` shows how they fare, `autodeploy logs` what they say.",
            )
        time.sleep(_PAUSE_SECONDS)
