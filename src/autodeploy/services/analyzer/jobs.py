"""The job ``repository_analysis``."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from autodeploy.kernel.errors import AutoDeployError
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer.analyses import channel, ensure_analysis


async def run_analysis(
    resources: Resources, providers: Registry, payload: Mapping[str, Any]
) -> None:
    """Analyse the commit that ``payload`` names, and tell who waits for it how it ended.

    Raises:
        What ``ensure_analysis`` raises.
    """
    told = channel(payload["requestId"])
    try:
        row = await ensure_analysis(
            resources,
            UUID(payload["repositoryId"]),
            payload["branch"],
            payload["commit"],
            payload["force"],
            payload["rootDirectory"],
            providers=providers,
        )
    except AutoDeployError as error:
        reason = {"code": error.code, "message": error.message, "remedy": error.remedy}
        await resources.events.publish(told, {"type": "analysis.failed", **reason})
        raise
    await resources.events.publish(told, {"type": "analysis.completed", "analysisId": str(row.id)})
