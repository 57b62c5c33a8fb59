"""Every call to GitHub as its description has it, at the emulated one or any other."""

import gzip
import secrets

import pytest

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.git.errors import RefNotFound
from autodeploy.kernel.http.errors import CredentialRefused
from autodeploy.providers.github.changes import CheckState
from autodeploy.providers.github.reports import CommitState, NewDeployment
from autodeploy.providers.github.shapes import DeploymentState, EntryKind

pytestmark = [pytest.mark.contract(provider="github"), pytest.mark.usefixtures("described")]

NOBODY = "gho_nobodysToken0000000000000000000000"


async def _branch(anyone, name) -> tuple[str, str]:
    """The default branch and its commit."""
    branch = (await anyone.repository(name)).default_branch
    return branch, await anyone.sources(name).commit_of(branch)


async def test_a_token_is_checked(anyone, api):
    assert (await anyone.check()).user.login
    with pytest.raises(CredentialRefused):
        await api.account(NOBODY).check()


async def test_a_repository_is_listed_searched_and_found_by_name_and_number(anyone, name):
    listed = [each.full_name async for each in anyone.repositories(name[1:].upper())]
    assert name in listed
    by_name = await anyone.repository(name)
    assert by_name == await anyone.known_repository(by_name.id, name)
    assert by_name.full_name == name
    with pytest.raises(NotFound):
        await anyone.repository(f"{name}-{secrets.token_hex(4)}")


async def test_branches_and_refs_name_commits(anyone, name):
    branch, sha = await _branch(anyone, name)
    branches = {each.name: each.commit.sha async for each in anyone.sources(name).branches()}
    assert branches[branch] == sha
    assert await anyone.sources(name).commit_of(sha) == sha
    with pytest.raises(RefNotFound):
        await anyone.sources(name).commit_of(secrets.token_hex(20))


async def test_a_file_is_the_same_by_its_path_and_by_its_blob(anyone, name):
    branch, sha = await _branch(anyone, name)
    sources = anyone.sources(name)
    tree = await sources.tree(sha)
    entry = next(each for each in tree.tree if each.type is EntryKind.BLOB)
    content = await sources.file(entry.path, branch, most_bytes=10**6)
    assert content == await sources.blob(entry.sha, most_bytes=10**6)
    assert len(content) == entry.size
    with pytest.raises(NotFound):
        await sources.file("there/is/no such.file", sha, most_bytes=10**6)


async def test_an_archive_is_downloaded(anyone, name):
    _, sha = await _branch(anyone, name)
    async with anyone.sources(name).archive(sha, most_bytes=10**8) as stream:
        packed = b"".join([piece async for piece in stream.chunks()])
    assert b"ustar" in gzip.decompress(packed)


async def test_a_webhook_is_made_once_changed_and_removed(anyone, name):
    webhooks = anyone.webhooks(name)
    url = f"https://deploy.example.com/webhooks/{secrets.token_hex(4)}"
    made = await webhooks.ensure(url=url, secret="first-secret", events=["push"])
    again = await webhooks.ensure(url=url, secret="second", events=["push", "pull_request"])
    try:
        assert made.id == again.id
        assert set(again.events) == {"push", "pull_request"}
        ours = [each async for each in webhooks.registered() if each.config.url == url]
        assert [each.id for each in ours] == [made.id]
        async for delivery in webhooks.deliveries(made.id):
            await webhooks.redeliver(made.id, delivery.id)
            break
    finally:
        await webhooks.delete(made.id)
    await webhooks.delete(made.id)
    assert [each async for each in webhooks.registered() if each.config.url == url] == []


async def test_a_commit_gets_a_status(anyone, name):
    _, sha = await _branch(anyone, name)
    await anyone.reports(name).set_commit_status(
        sha, CommitState.SUCCESS, context="autodeploy/contract", description="d" * 200,
        target_url="https://deploy.example.com/1",
    )  # fmt: skip


async def test_a_deployment_is_made_once_and_gets_statuses(anyone, name):
    _, sha = await _branch(anyone, name)
    reports = anyone.reports(name)
    wanted = NewDeployment(
        deployment_id=secrets.token_hex(8), sha=sha, environment="contract", production=False,
        transient=True,
    )  # fmt: skip
    made = await reports.ensure_deployment(wanted)
    assert (await reports.ensure_deployment(wanted)).id == made.id
    assert await reports.deployment_state(made.id) is None
    for state in (DeploymentState.IN_PROGRESS, DeploymentState.INACTIVE):
        await reports.set_deployment_status(
            made.id, state, description="…", log_url="https://deploy.example.com/1",
            environment_url="https://app.example.com",
        )  # fmt: skip
        assert await reports.deployment_state(made.id) is state


async def test_a_pull_request_gets_one_comment(anyone, name, pull_request):
    marker = f"<!-- autodeploy {secrets.token_hex(4)} -->"
    reports = anyone.reports(name)
    first = await reports.upsert_comment(pull_request, marker=marker, body="one")
    second = await reports.upsert_comment(pull_request, marker=marker, body="two")
    assert first.id == second.id
    assert second.body == f"{marker}\ntwo"


async def test_a_branch_has_a_head_with_its_message(anyone, name):
    branch, sha = await _branch(anyone, name)
    head = await anyone.changes(name).head(branch)
    assert head.sha == sha
    assert head.message
    with pytest.raises(RefNotFound):
        await anyone.changes(name).head(f"no/such-{secrets.token_hex(4)}")


async def test_a_commit_is_compared_with_itself_and_with_one_that_is_gone(anyone, name):
    _, sha = await _branch(anyone, name)
    changes = anyone.changes(name)
    assert await changes.paths_between(sha, sha) == frozenset()
    assert await changes.paths_between(secrets.token_hex(20), sha) is None


async def test_checks_of_a_commit_are_read(anyone, name):
    _, sha = await _branch(anyone, name)
    assert await anyone.changes(name).checks(sha, but="autodeploy") in CheckState


async def test_pull_requests_are_listed_and_read(anyone, name, pull_request):
    assert [each.number async for each in anyone.pulls(name).open() if not each.is_open] == []
    pull = await anyone.pulls(name).get(pull_request)
    assert pull.number == pull_request
    assert len(pull.head.sha) == 40
