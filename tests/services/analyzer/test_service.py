from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.kernel.git.servers import commit_files, git, git_daemon
from tests.services.analyzer.archives import FLASK, chunks, tar_gz
from tests.services.analyzer.workers import working

from autodeploy.kernel.errors import Forbidden, InvalidInput, NotFound, TooLarge
from autodeploy.kernel.git.errors import AddressRefused, RefNotFound
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.resources import Resources
from autodeploy.providers.registry import Registry
from autodeploy.services.analyzer import analyses, receiving, rounds, service, store
from autodeploy.services.analyzer.schemas import (
    AnalysisInput,
    AnalysisPending,
    AnalysisView,
    RepositoryInput,
    UploadView,
)
from autodeploy.services.auth.models import Role
from autodeploy.services.auth.principal import Principal, Scope

GIT_ALONE = Registry([])


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a served git repository, and its commit."""
    root = tmp_path_factory.mktemp("origin")
    (root / "app").mkdir()
    git("init", "-q", "-b", "trunk", cwd=root / "app")
    commit = commit_files(root / "app", {**FLASK, "apps/web/index.html": "<p>"}, "first")
    with git_daemon(root) as url:
        yield f"{url}/app", commit


async def uploaded(
    resources: Resources, principal: Principal, files: dict[str, str] = FLASK
) -> UploadView:
    return await service.store_upload(resources, principal, chunks(tar_gz(files)), name="shop")


async def test_git_repository_is_added_once_with_its_default_branch(
    resources: Resources, owner: Principal, origin: tuple[str, str]
) -> None:
    url, commit = origin
    first = await service.create_repository(
        resources, owner, RepositoryInput(url=url), providers=GIT_ALONE
    )
    again = await service.create_repository(
        resources, owner, RepositoryInput(url=f" {url} "), providers=GIT_ALONE
    )
    assert (first.kind, first.full_name, first.default_branch) == ("git", "app", "trunk")
    assert again.id == first.id
    async with resources.db.transaction() as session:
        row = await store.find_any_repository(session, first.id)
    assert row is not None
    assert (await service.resolve_ref(resources, row, providers=GIT_ALONE)).commit_sha == commit


@pytest.mark.parametrize("url", ["/etc", "file:///etc", "https://user:word@example.com/a/b"])
async def test_path_and_credentials_are_refused_as_a_url(
    url: str, resources: Resources, owner: Principal
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await service.create_repository(
            resources, owner, RepositoryInput(url=url), providers=GIT_ALONE
        )
    assert caught.value.field == "url"


async def test_loopback_url_is_refused_unless_the_operator_allows_it(
    resources: Resources, owner: Principal, origin: tuple[str, str]
) -> None:
    strict = replace(resources, git=GitClient(allow_private_addresses=False))
    with pytest.raises(AddressRefused):
        await service.create_repository(
            strict, owner, RepositoryInput(url=origin[0]), providers=GIT_ALONE
        )


async def test_upload_is_named_by_its_tree_and_fetched_again(
    resources: Resources, owner: Principal, tmp_path: Path
) -> None:
    upload = await uploaded(resources, owner)
    newer = await service.store_upload(
        resources, owner, chunks(tar_gz({"index.html": "new"})),
        name=None, repository_id=upload.repository.id,
    )  # fmt: skip
    assert newer.repository.id == upload.repository.id
    assert newer.commit != upload.commit
    async with resources.db.transaction() as session:
        row = await store.find_any_repository(session, upload.repository.id)
    assert row is not None
    assert (
        await service.resolve_ref(resources, row, providers=GIT_ALONE)
    ).commit_sha == newer.commit
    assert (
        await service.resolve_ref(resources, row, upload.commit, providers=GIT_ALONE)
    ).commit_sha == upload.commit
    await service.fetch_source(
        resources, row, upload.commit, None, tmp_path / "old", providers=GIT_ALONE
    )
    assert (tmp_path / "old/app.py").read_text() == FLASK["app.py"]
    for unknown in ("12" * 20, "main", "../../x"):
        with pytest.raises(RefNotFound):
            await service.resolve_ref(resources, row, unknown, providers=GIT_ALONE)
    assert not list((resources.home / "sources").iterdir())


async def test_upload_of_a_stranger_is_not_found(
    resources: Resources, owner: Principal, stranger: Principal
) -> None:
    upload = await uploaded(resources, owner)
    repository_id = upload.repository.id
    body = AnalysisInput()
    with pytest.raises(NotFound):
        await service.get_repository(resources, stranger, repository_id)
    with pytest.raises(NotFound):
        await service.request_analysis(
            resources, stranger, repository_id, body, providers=GIT_ALONE
        )
    with pytest.raises(NotFound):
        await service.get_analysis(resources, stranger, repository_id)
    with pytest.raises(NotFound):
        await service.store_upload(
            resources, stranger, chunks(b""), name=None, repository_id=repository_id
        )
    with pytest.raises(NotFound):
        await service.create_repository(
            resources, stranger,
            RepositoryInput(url="https://example.com/a/b", organization_id=min(owner.roles)),
            providers=GIT_ALONE,
        )  # fmt: skip
    assert not (await service.list_repositories(resources, stranger, limit=10)).items


async def test_viewer_and_read_token_cannot_upload(resources: Resources, owner: Principal) -> None:
    viewer = replace(owner, roles=dict.fromkeys(owner.roles, Role.VIEWER))
    reader = replace(owner, scopes=frozenset({Scope.READ}))
    for principal in (viewer, reader):
        with pytest.raises(Forbidden):
            await service.store_upload(
                resources, principal, chunks(tar_gz(FLASK)),
                name="a", organization_id=min(owner.roles),
            )  # fmt: skip


@pytest.mark.parametrize("name", [None, "", "a\nb"])
async def test_new_upload_without_a_usable_name_is_refused(
    name: str | None, resources: Resources, owner: Principal
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await service.store_upload(resources, owner, chunks(tar_gz(FLASK)), name=name)
    assert caught.value.field == "name"


async def test_upload_over_the_limit_is_refused(
    resources: Resources, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LIMIT_BYTES", 100)
    with pytest.raises(TooLarge):
        await uploaded(resources, owner)


async def test_analysis_is_made_once_per_commit_and_again_by_force(
    resources: Resources, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await uploaded(resources, owner)
    arguments = (resources, upload.repository.id, "upload", upload.commit)
    first = await service.ensure_analysis(*arguments, providers=GIT_ALONE)
    with monkeypatch.context() as patched:
        patched.delattr(rounds, "analyze_source")
        assert (
            await service.ensure_analysis(*arguments, providers=GIT_ALONE)
        ).created_at == first.created_at
    forced = await service.ensure_analysis(*arguments, force=True, providers=GIT_ALONE)
    assert forced.id == first.id
    assert forced.created_at > first.created_at
    assert first.framework_name == "Flask"
    assert not list((resources.home / "sources").iterdir())


async def test_root_directory_has_its_own_analysis(
    resources: Resources, owner: Principal, origin: tuple[str, str]
) -> None:
    url, commit = origin
    added = await service.create_repository(
        resources, owner, RepositoryInput(url=url), providers=GIT_ALONE
    )
    whole = await service.ensure_analysis(resources, added.id, "trunk", commit, providers=GIT_ALONE)
    part = await service.ensure_analysis(
        resources, added.id, "trunk", commit, root_directory="apps/web/", providers=GIT_ALONE
    )
    assert (whole.root_directory, part.root_directory) == ("", "apps/web")
    assert whole.framework_name != part.framework_name
    for hostile in ("../x", "a/../../x", "/../etc", "-x", "a\nb", "apps/none"):
        with pytest.raises(InvalidInput):
            await service.ensure_analysis(
                resources, added.id, "trunk", commit, root_directory=hostile, providers=GIT_ALONE
            )


async def test_requested_analysis_is_made_by_a_worker(
    resources: Resources, owner: Principal, redis_url: str
) -> None:
    upload = await uploaded(resources, owner)
    async with working(resources, redis_url):
        found = await service.request_analysis(
            resources, owner, upload.repository.id, AnalysisInput(), providers=GIT_ALONE
        )
        assert isinstance(found, AnalysisView)
        forced = await service.request_analysis(
            resources, owner, upload.repository.id, AnalysisInput(force=True), providers=GIT_ALONE
        )
    assert isinstance(forced, AnalysisView)
    assert forced.created_at > found.created_at
    shape = found.model_dump(mode="json", by_alias=True)
    assert shape["repository"]["fullName"] == "shop"
    assert shape["framework"]["name"] == "Flask"
    assert shape["buildConfiguration"]["startCommand"] == "flask run --port $PORT"
    assert shape["environmentVariables"][0]["key"] == "DATABASE_URL"
    assert shape["recommendations"]["estimatedCost"]["currency"] == "USD"
    assert (await service.get_analysis(resources, owner, upload.repository.id)) == forced


async def test_reason_of_a_failed_analysis_reaches_the_caller(
    resources: Resources, owner: Principal, redis_url: str
) -> None:
    upload = await uploaded(resources, owner)
    async with working(resources, redis_url):
        with pytest.raises(service.AnalysisFailed, match="no folder"):
            await service.request_analysis(
                resources,
                owner,
                upload.repository.id,
                AnalysisInput(root_directory="none"),
                providers=GIT_ALONE,
            )


async def test_analysis_without_a_worker_is_pending(
    resources: Resources, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await uploaded(resources, owner)
    monkeypatch.setattr(analyses.queue_and_wait, "__kwdefaults__", {"wait_seconds": 0.1})
    found = await service.request_analysis(
        resources, owner, upload.repository.id, AnalysisInput(), providers=GIT_ALONE
    )
    assert isinstance(found, AnalysisPending)
    assert found.commit == upload.commit
    with pytest.raises(NotFound):
        await service.get_analysis(resources, owner, upload.repository.id)


async def test_analysis_of_a_removed_repository_is_not_found(resources: Resources) -> None:
    with pytest.raises(NotFound):
        await service.ensure_analysis(resources, uuid4(), "main", "12" * 20, providers=GIT_ALONE)
