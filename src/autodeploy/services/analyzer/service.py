"""Repositories and their analyses, as the faces and the deployer ask for them."""

from collections.abc import AsyncIterable
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.git.errors import RepositoryNeedsCredentials, RepositoryNotFound
from autodeploy.kernel.git.urls import RemoteUrl
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.schema import DisplayName, Page
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import store
from autodeploy.services.analyzer.adding import (
    add_from_github,
    name_at_github,
    nobody_sees,
    spelled_out,
)
from autodeploy.services.analyzer.analyses import (
    AnalysisFailed,
    check_root_directory,
    ensure_analysis,
    queue_and_wait,
)
from autodeploy.services.analyzer.discovery import discover_repositories
from autodeploy.services.analyzer.models import Repository, RepositoryKind
from autodeploy.services.analyzer.plan import ANALYZER_VERSION
from autodeploy.services.analyzer.schemas import (
    AnalysisInput,
    AnalysisPending,
    AnalysisView,
    AnalyzedRepository,
    RepositoryInput,
    RepositoryView,
    UploadView,
    analysis_view,
)
from autodeploy.services.analyzer.sources import (
    UPLOAD_BRANCH,
    fetch_source,
    resolve_ref,
    store_archive,
    upload_url,
)
from autodeploy.services.analyzer.views import repository_view, repository_views
from autodeploy.services.auth import audit
from autodeploy.services.auth.organizations import default_organization
from autodeploy.services.auth.permissions import Action, reach_of, require
from autodeploy.services.auth.principal import Principal

__all__ = [
    "AnalysisFailed",
    "create_repository",
    "discover_repositories",
    "ensure_analysis",
    "fetch_source",
    "get_analysis",
    "get_repository",
    "list_repositories",
    "request_analysis",
    "resolve_ref",
    "store_upload",
]

_NAME: TypeAdapter[str] = TypeAdapter(DisplayName)


async def create_repository(
    resources: Resources, principal: Principal, body: RepositoryInput, *, providers: Registry
) -> RepositoryView:
    """Add a repository after a look at its server; one that is there already is answered.

    One at GitHub is added for the caller's account there. Without one, git reads what is public.

    Raises:
        InvalidInput: the URL is not accepted, or holds credentials.
        RepositoryNeedsCredentials: it is private at GitHub, and the caller has no account there.
        Also what ``GitClient.resolve`` and ``add_from_github`` raise.
    """
    organization_id = await _organization(resources, principal, body.organization_id)
    require(principal, Action.REPOSITORY_CREATE, organization_id)
    remote = resources.git.check_url(spelled_out(body.url, providers))
    name = name_at_github(remote, providers)
    if name is None:
        return await _add_from_git(resources, principal, organization_id, remote)
    added = await add_from_github(
        resources, principal, organization_id, name, remote, providers=providers
    )
    if added is not None:
        return await _view(resources, added)
    try:
        return await _add_from_git(resources, principal, organization_id, remote)
    except (RepositoryNeedsCredentials, RepositoryNotFound):
        raise nobody_sees(name) from None


async def _add_from_git(
    resources: Resources, principal: Principal, organization_id: UUID, remote: RemoteUrl
) -> RepositoryView:
    resolved = await resources.git.resolve(remote.text)
    async with resources.db.transaction() as session:
        repository = await store.find_git_repository(session, organization_id, remote.text)
        if repository is None:
            repository = await store.create_repository(
                session,
                organization_id=organization_id,
                kind=RepositoryKind.GIT,
                full_name=remote.full_name[-255:],
                url=remote.text,
                default_branch=resolved.default_branch,
            )
            await _record(session, principal, repository)
        elif repository.default_branch != resolved.default_branch:
            before = audit.snapshot(repository)
            repository.default_branch = resolved.default_branch
            repository.updated_at = now()
            await _record(session, principal, repository, before)
    return await _view(resources, repository)


async def store_upload(
    resources: Resources,
    principal: Principal,
    body: AsyncIterable[bytes],
    *,
    name: str | None,
    repository_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> UploadView:
    """Store an uploaded tar.gz: as a new repository, or as the newest state of one.

    Args:
        name: of a new repository; not needed with ``repository_id``.

    Raises:
        NotFound: no such upload repository among the caller's.
        TooLarge, ArchiveRefused: see ``store_archive``.
    """
    if repository_id is not None:
        known = await _repository(resources, principal, repository_id, Action.REPOSITORY_UPDATE)
        if known.kind != RepositoryKind.UPLOAD:
            raise InvalidInput(
                "This repository is not made of uploads.",
                field="repositoryId",
                remedy="Leave repositoryId out to make a new one.",
            )
        commit = await store_archive(resources, known.organization_id, body)
        return await _renew_upload(resources, principal, repository_id, commit)
    owner = await _organization(resources, principal, organization_id)
    require(principal, Action.REPOSITORY_CREATE, owner)
    full_name = _checked_name(name)
    commit = await store_archive(resources, owner, body)
    async with resources.db.transaction() as session:
        repository = await store.create_repository(
            session,
            organization_id=owner,
            kind=RepositoryKind.UPLOAD,
            full_name=full_name,
            url=upload_url(commit),
            default_branch=UPLOAD_BRANCH,
        )
        await _record(session, principal, repository)
    return UploadView(repository=await _view(resources, repository), commit=commit)


async def _renew_upload(
    resources: Resources, principal: Principal, repository_id: UUID, commit: str
) -> UploadView:
    async with resources.db.transaction() as session:
        repository = await store.find_repository(session, principal.reach, repository_id, lock=True)
        if repository is None:
            raise _no_such_repository()
        before = audit.snapshot(repository)
        repository.url = upload_url(commit)
        repository.updated_at = now()
        await _record(session, principal, repository, before)
    return UploadView(repository=await _view(resources, repository), commit=commit)


async def list_repositories(
    resources: Resources,
    principal: Principal,
    *,
    limit: int,
    cursor: str | None = None,
    q: str | None = None,
) -> Page[RepositoryView]:
    """The repositories of the caller's organizations, newest first, or with ``q`` by rank."""
    reach = reach_of(principal, Action.REPOSITORY_READ)
    async with resources.db.transaction() as session:
        page, next_cursor = await store.list_repositories(
            session, reach, q=q, limit=limit, cursor=cursor
        )
        items = await repository_views(session, page)
    return Page(items=items, next_cursor=next_cursor)


async def get_repository(
    resources: Resources, principal: Principal, repository_id: UUID
) -> RepositoryView:
    """One repository. Raises ``NotFound``, also for those of others."""
    found = await _repository(resources, principal, repository_id, Action.REPOSITORY_READ)
    return await _view(resources, found)


async def request_analysis(
    resources: Resources,
    principal: Principal,
    repository_id: UUID,
    body: AnalysisInput,
    *,
    providers: Registry,
) -> AnalysisView | AnalysisPending:
    """Analyse a commit in a worker, unless it was before; wait ten seconds for the answer.

    Raises:
        AnalysisFailed: with the reason.
        NotFound, InvalidInput, Unavailable; also what ``resolve_ref`` raises.
    """
    repository = await _repository(resources, principal, repository_id, Action.REPOSITORY_ANALYZE)
    root = check_root_directory(body.root_directory)
    ref = await resolve_ref(resources, repository, body.branch, providers=providers)
    async with resources.db.transaction() as session:
        row = await store.find_analysis(
            session, repository_id, ref.commit_sha, ANALYZER_VERSION, root
        )
        if row is None or body.force:
            await audit.record(session, principal, Action.REPOSITORY_ANALYZE, repository)
    if row is None or body.force:
        row = await queue_and_wait(
            resources, repository, ref.ref_name, ref.commit_sha, root,
            force=body.force, not_from=row.created_at if row else None,
        )  # fmt: skip
    if row is not None:
        return analysis_view(repository, row)
    return AnalysisPending(
        repository=AnalyzedRepository.model_validate(repository),
        branch=ref.ref_name,
        commit=ref.commit_sha,
        root_directory=root,
    )


async def get_analysis(
    resources: Resources,
    principal: Principal,
    repository_id: UUID,
    *,
    branch: str | None = None,
    root_directory: str | None = None,
) -> AnalysisView:
    """The newest analysis of a repository. Raises ``NotFound`` when there is none."""
    repository = await _repository(resources, principal, repository_id, Action.REPOSITORY_READ)
    root = None if root_directory is None else check_root_directory(root_directory)
    async with resources.db.transaction() as session:
        row = await store.find_newest_analysis(
            session, repository.id, branch=branch, root_directory=root
        )
    if row is None:
        raise NotFound(
            "This repository was not analysed yet.",
            remedy=f"POST /api/v1/repositories/{repository_id}/analyze does it.",
        )
    return analysis_view(repository, row)


async def _view(resources: Resources, repository: Repository) -> RepositoryView:
    async with resources.db.transaction() as session:
        return await repository_view(session, repository)


async def _repository(
    resources: Resources, principal: Principal, repository_id: UUID, action: Action
) -> Repository:
    async with resources.db.transaction() as session:
        found = await store.find_repository(session, principal.reach, repository_id)
    if found is None:
        raise _no_such_repository()
    require(principal, action, found.organization_id)
    return found


async def _organization(
    resources: Resources, principal: Principal, organization_id: UUID | None
) -> UUID:
    """The organization that was named, else the caller's own: the oldest that it owns."""
    if organization_id is not None:
        return organization_id
    async with resources.db.transaction() as session:
        return await default_organization(session, principal)


async def _record(
    session: AsyncSession,
    principal: Principal,
    repository: Repository,
    before: audit.Snapshot | None = None,
) -> None:
    """Write that the caller made the repository, or gave it another state than ``before``."""
    await audit.record(
        session,
        principal,
        Action.REPOSITORY_CREATE,
        repository,
        before=before,
        after=audit.snapshot(repository),
    )


def _checked_name(name: str | None) -> str:
    try:
        return _NAME.validate_python(name)
    except ValidationError as error:
        raise InvalidInput(
            "A new upload needs a name of 1 to 255 printable characters.",
            field="name",
            remedy="Add ?name=… to the URL.",
        ) from error


def _no_such_repository() -> NotFound:
    return NotFound("No such repository.")
