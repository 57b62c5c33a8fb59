"""Push to deploy and previews, as members of a project set, read and approve them."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, InvalidInput, NotFound
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import Page
from autodeploy.kernel.versions import ANY_VERSION, IfMatch
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.auth import audit
from autodeploy.services.auth.permissions import Action, require
from autodeploy.services.auth.principal import Principal
from autodeploy.services.deployer import store
from autodeploy.services.deployer.models import Deployment, Project
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.pushes.failures import Failure, find_failure
from autodeploy.services.deployer.pushes.models import (
    GitHubWebhook,
    Preview,
    PushToDeploy,
    WatchedBranch,
)
from autodeploy.services.deployer.pushes.schemas import (
    ApprovalInput,
    GitHubWebhookView,
    PreviewView,
    PushToDeployStatusView,
    PushToDeployUpdate,
    PushToDeployView,
    WatchedBranchView,
    WebhookState,
)
from autodeploy.services.deployer.views import load_creators

_OF_PREVIEWS = re.compile(r"pr-\d+")


async def get_settings(
    resources: Resources, principal: Principal, project_id: UUID
) -> PushToDeployView:
    """Whether pushes deploy a project, and which. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        return await _view(session, await _find(session, project))


async def update_settings(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    body: PushToDeployUpdate,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> PushToDeployView:
    """Switch push to deploy on, or change it. From then on the heads of its branches are deployed
    in the caller's name.

    Raises:
        Conflict: the project's repository is not at GitHub.
        InvalidInput: two branches have the same environment, or one that previews have.
        PreconditionFailed, NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id)
        row = await _find(session, project)
        present = await _view(session, row)
        if_match.require(present)
        body.require_readonly_same(present)
        if not body.enabled:
            await _switch_off(session, principal, project, row)
            return await _view(session, None)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
        repository = await _require_github(session, project)
        wanted = _wanted(body, present, repository)
        if wanted != present or row is None:
            row = await _write(session, principal, project, row, wanted)
            await _wake_webhook(session, project)
        return await _view(session, row)


async def switch_off(
    resources: Resources,
    principal: Principal,
    project_id: UUID,
    *,
    if_match: IfMatch = ANY_VERSION,
) -> None:
    """Deploy nothing by pushes any more, and take previews down. Raises ``PreconditionFailed``,
    ``NotFound``, ``Forbidden``."""
    async with resources.db.transaction() as session:
        project = await _get_project(session, principal, project_id)
        row = await _find(session, project)
        if_match.require(await _view(session, row))
        await _switch_off(session, principal, project, row)


async def get_status(
    resources: Resources, principal: Principal, project_id: UUID
) -> PushToDeployStatusView:
    """How far what is followed has been deployed, and whether GitHub calls. Raises ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.PROJECT_READ, project.organization_id)
        row = await _find(session, project)
        webhook = await session.scalar(
            select(GitHubWebhook).where(GitHubWebhook.repository_id == project.repository_id)
        )
        branches = []
        for each in await _branches(session, row):
            failure = await find_failure(session, project.id, each.environment, each.deployed_sha)
            branches.append(_branch_view(each, failure))
        return PushToDeployStatusView(
            enabled=row is not None,
            webhook=_webhook_view(row, webhook),
            branches=branches,
            previews_note=row.pulls_note if row else None,
        )


async def list_previews(
    resources: Resources, principal: Principal, project_id: UUID
) -> Page[PreviewView]:
    """The previews of a project that are open, the newest pull request first. Raises
    ``NotFound``."""
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_READ, project.organization_id)
        rows = await session.execute(
            select(Preview, Deployment)
            .outerjoin(Deployment, Deployment.id == Preview.deployment_id)
            .where(Preview.project_id == project.id, Preview.closed_at.is_(None))
            .order_by(Preview.number.desc())
        )
        return Page(items=[_preview_view(*row) for row in rows])


async def approve_preview(
    resources: Resources, principal: Principal, project_id: UUID, number: int, body: ApprovalInput
) -> PreviewView:
    """Have a commit of a fork built and deployed, without secrets.

    Raises:
        Conflict: the pull request has another commit by now.
        NotFound, Forbidden.
    """
    async with resources.db.transaction() as session:
        project = await store.get_project(session, principal.reach, project_id)
        require(principal, Action.DEPLOYMENT_CREATE, project.organization_id)
        row = await session.scalar(
            select(Preview)
            .where(
                Preview.project_id == project.id,
                Preview.number == number,
                Preview.closed_at.is_(None),
            )
            .with_for_update()
        )
        if row is None:
            raise NotFound(
                f"{project.name} has no preview of pull request {number}.",
                remedy="`autodeploy previews list` shows those that there are.",
            )
        if row.head_sha != body.commit:
            raise Conflict(
                f"The head of pull request {number} is not {body.commit[:12]} any more.",
                field="commit",
                remedy="Look at what it is now, and approve that.",
            )
        before = audit.snapshot(row)
        row.approved_sha, row.approved_by = body.commit, principal.account_id
        row.due_at = now()
        await session.flush()
        await audit.record(
            session,
            principal,
            Action.DEPLOYMENT_CREATE,
            row,
            before=before,
            after=audit.snapshot(row),
        )
        deployment = await session.get(Deployment, row.deployment_id) if row.deployment_id else None
        return _preview_view(row, deployment)


async def _get_project(session: AsyncSession, principal: Principal, project_id: UUID) -> Project:
    """The project, locked, so that its settings are changed one after the other."""
    project = await store.get_project(session, principal.reach, project_id, lock=True)
    require(principal, Action.PROJECT_UPDATE, project.organization_id)
    return project


async def _find(session: AsyncSession, project: Project) -> PushToDeploy | None:
    found: PushToDeploy | None = await session.scalar(
        select(PushToDeploy).where(PushToDeploy.project_id == project.id)
    )
    return found


async def _branches(session: AsyncSession, row: PushToDeploy | None) -> list[WatchedBranch]:
    if row is None:
        return []
    rows = await session.scalars(
        select(WatchedBranch)
        .where(WatchedBranch.push_to_deploy_id == row.id)
        .order_by(WatchedBranch.branch)
    )
    return list(rows)


async def _require_github(session: AsyncSession, project: Project) -> Repository:
    repository = (
        await session.get(Repository, project.repository_id) if project.repository_id else None
    )
    if repository is None or repository.kind != RepositoryKind.GITHUB:
        raise Conflict(
            f"The sources of {project.name} are not at GitHub, so no push is heard of.",
            remedy="Connect an account (`autodeploy connections add github`), add the repository, "
            "and give it to the project.",
        )
    return repository


def _wanted(
    body: PushToDeployUpdate, present: PushToDeployView, repository: Repository
) -> PushToDeployView:
    """The settings with what the body names."""
    changes: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("branches", "paths", "wait_for_ci", "previews")
        if name in body.model_fields_set
    }
    if not changes.get("branches"):
        changes["branches"] = present.branches or {repository.default_branch: PRODUCTION}
    for name in ("wait_for_ci", "previews"):
        if name in changes and changes[name] is None:
            del changes[name]
    environments = list(changes["branches"].values())
    if len(set(environments)) < len(environments):
        raise InvalidInput("Each branch has an environment of its own.", field="branches")
    if any(_OF_PREVIEWS.fullmatch(each) for each in environments):
        raise InvalidInput(
            "Environments called pr- and a number are those of previews.", field="branches"
        )
    return present.model_copy(update={"enabled": True, **changes})


async def _write(
    session: AsyncSession,
    principal: Principal,
    project: Project,
    row: PushToDeploy | None,
    wanted: PushToDeployView,
) -> PushToDeploy:
    before = audit.snapshot(row) if row else None
    if row is None:
        row = PushToDeploy(organization_id=project.organization_id, project_id=project.id)
        session.add(row)
    row.paths, row.wait_for_ci, row.previews = wanted.paths, wanted.wait_for_ci, wanted.previews
    row.created_by, row.service_token_id = principal.account_id, principal.service_token_id
    row.pulls_due_at = row.updated_at = now()
    await session.flush()
    await audit.record(
        session,
        principal,
        Action.PROJECT_UPDATE,
        row,
        before=before,
        after=audit.snapshot(row),
    )
    await _replace_branches(session, principal, row, wanted.branches)
    return row


async def _replace_branches(
    session: AsyncSession, principal: Principal, row: PushToDeploy, wanted: dict[str, str]
) -> None:
    """What is known of a branch stays with it while it has the same environment."""
    kept = set()
    for each in await _branches(session, row):
        if wanted.get(each.branch) == each.environment:
            kept.add(each.branch)
            each.due_at = now()
        else:
            before = audit.snapshot(each)
            await audit.record(session, principal, Action.PROJECT_UPDATE, each, before=before)
            await session.delete(each)
    await session.flush()
    for branch in wanted.keys() - kept:
        added = WatchedBranch(
            organization_id=row.organization_id,
            push_to_deploy_id=row.id,
            branch=branch,
            environment=wanted[branch],
        )
        session.add(added)
        await session.flush()
        after = audit.snapshot(added)
        await audit.record(session, principal, Action.PROJECT_UPDATE, added, after=after)


async def _switch_off(
    session: AsyncSession, principal: Principal, project: Project, row: PushToDeploy | None
) -> None:
    if row is None:
        return
    await audit.record(session, principal, Action.PROJECT_UPDATE, row, before=audit.snapshot(row))
    await session.execute(delete(PushToDeploy).where(PushToDeploy.id == row.id))
    await _wake_webhook(session, project)


async def _wake_webhook(session: AsyncSession, project: Project) -> None:
    """Have workers look at once whether the repository's webhook is as it is to be."""
    await session.execute(
        update(GitHubWebhook)
        .where(GitHubWebhook.repository_id == project.repository_id)
        .values(due_at=now())
    )


async def _view(session: AsyncSession, row: PushToDeploy | None) -> PushToDeployView:
    if row is None:
        return PushToDeployView(
            enabled=False, branches={}, paths=None, wait_for_ci=False, previews=False, acts_as=None
        )
    creators = await load_creators(session, [row])
    return PushToDeployView(
        enabled=True,
        branches={each.branch: each.environment for each in await _branches(session, row)},
        paths=row.paths,
        wait_for_ci=row.wait_for_ci,
        previews=row.previews,
        acts_as=creators.get(row.service_token_id or row.created_by),
    )


def _webhook_view(row: PushToDeploy | None, webhook: GitHubWebhook | None) -> GitHubWebhookView:
    if row is None:
        return GitHubWebhookView(state=WebhookState.OFF, note=None, delivered_at=None)
    if webhook is None:
        return GitHubWebhookView(state=WebhookState.PENDING, note=None, delivered_at=None)
    state = WebhookState.REGISTERED if webhook.external_id else WebhookState.PENDING
    return GitHubWebhookView(
        state=WebhookState.UNAVAILABLE if webhook.note else state,
        note=webhook.note,
        delivered_at=webhook.delivered_at,
    )


def _branch_view(row: WatchedBranch, failure: Failure | None) -> WatchedBranchView:
    return WatchedBranchView(
        branch=row.branch,
        environment=row.environment,
        head=row.seen_sha,
        deployed=failure.instead if failure else row.deployed_sha,
        note=row.problem or row.note or (failure.note if failure else None),
    )


def _preview_view(row: Preview, deployment: Deployment | None) -> PreviewView:
    return PreviewView(
        number=row.number,
        title=row.title,
        branch=row.branch,
        author=row.author,
        commit=row.head_sha,
        fork=row.is_fork,
        approved=not row.is_fork or row.approved_sha == row.head_sha,
        environment=row.environment,
        deployment_id=row.deployment_id,
        status=deployment.status if deployment else None,
        url=deployment.public_url if deployment else None,
        note=row.note,
        closed_at=row.closed_at,
    )
