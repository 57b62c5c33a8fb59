"""What live apps print, read from their providers and stored with the deployment's lines."""

from datetime import UTC, datetime

from autodeploy.providers.base import DeployProvider, RuntimeLines
from autodeploy.services.deployer.announcements import announcing
from autodeploy.services.deployer.app_environment import load_app_environment
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.log_lines import LogLine
from autodeploy.services.deployer.logs import LineCleaner, append_lines
from autodeploy.services.deployer.models import Deployment, Environment, Project
from autodeploy.services.deployer.releases import LiveRelease, reload_live

_LEVELS = {"stderr": "warn", "system": "warn", "crash": "error"}


async def collect_output(engine: Engine, provider: DeployProvider, live: LiveRelease) -> None:
    """Store what a live release has written since the last time. Raises what the provider does."""
    if live.release is None:
        return
    output = await provider.runtime_lines(live.release, live.log_cursor, 0)
    found = await reload_live(engine, live) if output.lines else None
    if found is not None:
        await _store(engine, *found, output, live.log_cursor)


async def _store(
    engine: Engine,
    deployment: Deployment,
    environment: Environment,
    project: Project,
    output: RuntimeLines,
    before: str | None,
) -> None:
    """Store the lines after the cursor ``before`` together with the one behind them: nobody
    stores them twice."""
    variables = await load_app_environment(engine.resources, project, environment.name)
    streams = {stream for _, stream, _ in output.lines}
    cleaners = {stream: LineCleaner(variables.redactor()) for stream in streams}
    lines = [
        LogLine(
            datetime.fromtimestamp(moment, UTC),
            _LEVELS.get(stream, "info"),
            "app",
            cleaners[stream].clean(text),
        )
        for moment, stream, text in output.lines
    ]
    async with announcing(engine.resources) as transaction:
        await append_lines(
            transaction,
            deployment.id,
            lines,
            Deployment.runtime_log_cursor.is_not_distinct_from(before),
            {"runtime_log_cursor": output.cursor},
        )
