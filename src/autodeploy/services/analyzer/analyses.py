"""Analysing a commit once, and waiting for an analysis that a worker makes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from autodeploy.kernel.errors import AutoDeployError, InvalidInput, NotFound
from autodeploy.kernel.queue import JobName, QueueName
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.models import Repository, RepositoryAnalysis
from autodeploy.services.analyzer.plan import ANALYZER_VERSION, Plan
from autodeploy.services.analyzer.prices import Prices, read_prices
from autodeploy.services.analyzer.schemas import build_configuration, recommendations
from autodeploy.services.analyzer.sources import open_source
from autodeploy.services.analyzer.tree import LazyFiles, normal_path

WAIT_SECONDS = 10.0


class AnalysisFailed(AutoDeployError):
    """The worker could not analyse the repository; the message is its reason."""

    code = "analysis_failed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


def check_root_directory(text: str) -> str:
    """The normal form of a folder inside a repository. Raises ``InvalidInput`` for others."""
    path = normal_path(text.strip("/"))
    if path is None or text.startswith("-") or any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidInput(
            "The root directory is not a folder inside the repository.",
            field="rootDirectory",
            remedy="Give a relative path such as apps/web.",
        )
    return path


async def ensure_analysis(
    resources: Resources,
    repository_id: UUID,
    branch: str,
    commit: str,
    force: bool = False,
    root_directory: str = "",
    *,
    providers: Registry,
) -> RepositoryAnalysis:
    """The analysis of a commit: the stored one, or a new one that is stored.

    It is found again by repository, commit, analyzer version and root directory. ``force`` makes
    a new one in any case.

    Raises:
        NotFound: the repository is gone.
        PricesInvalid: the administrator's file of prices cannot be used.
        Also what ``fetch_source`` raises.
    """
    root = check_root_directory(root_directory)
    async with resources.db.transaction() as session:
        repository = await store.find_any_repository(session, repository_id)
        if repository is None:
            raise NotFound("No such repository.")
        found = await store.find_analysis(session, repository_id, commit, ANALYZER_VERSION, root)
    if found is not None and not force:
        return found
    async with open_source(resources, repository, commit, branch, providers=providers) as source:
        plan = await _analyze(resources, source, root)
    async with resources.db.transaction() as session:
        current = await store.find_any_repository(session, repository_id)
        if current is None:
            raise NotFound("No such repository.")
        current.language = plan.language_name
        return await store.save_analysis(session, _row(repository, branch, commit, root, plan))


async def _analyze(resources: Resources, source: LazyFiles, root: str) -> Plan:
    # In a thread: it takes half a second, for which a deployment's lease must not go unrenewed.
    analyze_source = await asyncio.to_thread(_load_analyze_source)
    prices = await asyncio.to_thread(read_prices, resources.home)
    return await analyze_source(source, root, prices)


def _load_analyze_source() -> Callable[[LazyFiles, str, Prices], Awaitable[Plan]]:
    """What recognises languages, which has no place in the memory of an idle process."""
    from autodeploy.services.analyzer.rounds import analyze_source

    return analyze_source


def _row(repository: Repository, branch: str, commit: str, root: str, plan: Plan) -> dict[str, Any]:
    document, advice, framework = (
        plan.model_dump(mode="json"),
        recommendations(plan),
        plan.framework,
    )
    confidence = framework.confidence if framework else plan.confidence
    return {
        "organization_id": repository.organization_id,
        "repository_id": repository.id,
        "branch": branch,
        "commit_sha": commit,
        "analyzer_version": ANALYZER_VERSION,
        "root_directory": root,
        "framework_name": framework.name[:100] if framework else None,
        "framework_version": framework.version[:50] if framework and framework.version else None,
        "confidence_score": Decimal(str(round(confidence, 2))),
        "language": plan.language_name,
        "build_config": build_configuration(plan).model_dump(mode="json", by_alias=True),
        "dependencies": document["dependencies"],
        "environment_variables": document["environment_variables"],
        "recommendations": advice.model_dump(mode="json", by_alias=True) if advice else None,
        "plan": document,
    }


async def queue_and_wait(
    resources: Resources,
    repository: Repository,
    branch: str,
    commit: str,
    root_directory: str,
    *,
    force: bool,
    not_from: datetime | None,
    wait_seconds: float = WAIT_SECONDS,
) -> RepositoryAnalysis | None:
    """Let a worker analyse a commit; None when that takes longer than ``wait_seconds``.

    Args:
        not_from: when the analysis was made that is not meant, for one that is made anew.

    Raises:
        AnalysisFailed: with the worker's reason.
        Unavailable: the job queue does not answer.
    """
    request = uuid4()
    async with resources.events.subscribe(channel(str(request))) as messages:
        payload: dict[str, str | bool] = {
            "requestId": str(request),
            "repositoryId": str(repository.id),
            "branch": branch,
            "commit": commit,
            "rootDirectory": root_directory,
            "force": force,
        }
        await resources.queues.add(
            QueueName.ANALYSIS, JobName.REPOSITORY_ANALYSIS, payload, job_id=f"analysis-{request}"
        )
        try:
            async with asyncio.timeout(wait_seconds):
                await _until_told(messages)
        except TimeoutError:
            pass  # the row decides, also when the message was lost
    async with resources.db.transaction() as session:
        found = await store.find_analysis(
            session, repository.id, commit, ANALYZER_VERSION, root_directory
        )
    return found if found is not None and found.created_at != not_from else None


async def _until_told(messages: AsyncIterator[dict[str, Any]]) -> None:
    async for message in messages:
        if message.get("type") == "analysis.failed":
            raise AnalysisFailed(str(message["message"]), remedy=message.get("remedy"))
        if message.get("type") == "analysis.completed":
            return


def channel(request_id: str) -> str:
    """Where a worker says that a requested analysis ended."""
    return f"analysis:{request_id}"
