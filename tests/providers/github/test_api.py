"""What the emulated GitHub holds comes out as it is, also where there is much of it or none."""

import io
import tarfile

import pytest
from tests.fakes.github_api import TOKEN
from tests.fakes.github_state import sha_of
from tests.providers.github.conftest import FILES

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.git.errors import RepositoryEmpty
from autodeploy.kernel.http.addresses import AddressRefused
from autodeploy.kernel.http.errors import ProviderRefused, ProviderUnavailable
from autodeploy.providers.github.reports import CommitState, NewDeployment
from autodeploy.providers.github.shapes import DeploymentState

pytestmark = pytest.mark.contract(provider="github")

HOOK_URL = "https://deploy.example.com/webhooks/github"


async def test_scopes_are_those_that_were_granted(github, open_api):
    github.tokens |= {"gho_none": "", "ghu_app": None}
    api = open_api(github.url)
    check = await api.account(TOKEN).check()
    assert (check.user.login, check.user.id) == ("octocat", 583231)
    assert check.scopes == {"repo", "admin:repo_hook", "read:org"}
    assert (await api.account("gho_none").check()).scopes == frozenset()
    assert (await api.account("ghu_app").check()).scopes is None


async def test_a_list_is_read_to_its_end_page_by_page(account, github):
    for number in range(250):
        github.add(f"octo/app-{number:03}")
    assert len([each async for each in account.repositories()]) == 251
    assert len(github.calls("GET", "/user/repos")) == 3
    found = [each.full_name async for each in account.repositories("APP-24")]
    assert found == [f"octo/app-24{digit}" for digit in range(10)]


async def test_a_search_that_has_enough_asks_for_no_more(account, github):
    for number in range(250):
        github.add(f"octo/app-{number:03}")
    async for _ in account.repositories("site"):
        break
    assert len(github.calls("GET", "/user/repos")) == 1


async def test_a_repository_that_was_renamed_is_found_by_its_earlier_name(account, github, site):
    github.rename(site, "octo/new-site")
    found = await account.repository("octo/site")
    assert (found.id, found.full_name) == (site.id, "octo/new-site")
    assert await account.known_repository(site.id, "octo/site") == found


async def test_a_repository_whose_name_is_anothers_is_found_by_its_number(account, github, site):
    site.name = "moved"
    other = github.add("octo/site")
    assert (await account.known_repository(site.id, "octo/site")).full_name == "octo/moved"
    del github.repos[site.id]
    with pytest.raises(NotFound):
        await account.known_repository(site.id, "octo/site")
    assert (await account.repository("octo/site")).id == other.id


async def test_another_repository_of_the_name_is_not_taken_where_none_is_found_by_number(
    account, github, site
):
    github.described_only = True
    assert (await account.known_repository(site.id, "octo/site")).id == site.id
    github.rename(site, "octo/new-site")
    assert (await account.known_repository(site.id, "octo/site")).full_name == "octo/new-site"
    with pytest.raises(NotFound):
        await account.known_repository(site.id + 1, "octo/new-site")


@pytest.mark.parametrize("name", ["site", "octo/", "/site", "octo/site/x", "../site", "octo/.."])
async def test_what_names_no_repository_is_not_asked_for(account, github, name):
    with pytest.raises(InvalidInput):
        await account.repository(name)
    assert github.exchanges == []


async def test_an_answer_that_is_the_same_costs_no_quota(account, github):
    await account.repository("octo/site")
    left = github.quota
    await account.repository("octo/site")
    assert github.exchanges[-1].status == 304
    assert github.quota == left


@pytest.mark.parametrize("branch", ["feature/login", "a b", "100%", "#1"])
async def test_a_branch_of_any_name_is_found(account, github, site, branch):
    sha = site.push({"x": b"y"}, branch=branch)
    assert await account.sources("octo/site").commit_of(branch) == sha
    assert branch in [each.name async for each in account.sources("octo/site").branches()]


async def test_a_tree_says_whether_it_is_whole(account, site):
    sha = site.branches["main"]
    tree = await account.sources("octo/site").tree(sha)
    assert {each.path: each.size for each in tree.tree if each.size is not None} == {
        path: len(content) for path, content in FILES.items()
    }
    assert not tree.truncated
    site.truncated = True
    assert (await account.sources("octo/site").tree(sha)).truncated


async def test_a_repository_without_a_commit_says_so(account, github):
    github.add("octo/empty")
    for call in (account.sources("octo/empty").commit_of, account.sources("octo/empty").tree):
        with pytest.raises(RepositoryEmpty):
            await call("main")


async def test_files_of_any_name_and_size_are_read(account, site):
    big = bytes(range(256)) * 8192  # 2 MB: it comes as a blob
    site.push({**FILES, "big": big})
    sources = account.sources("octo/site")
    for path, content in {**FILES, "big": big}.items():
        assert await sources.file(path, "main", most_bytes=3_000_000) == content
    with pytest.raises(NotFound, match="folder"):
        await sources.file("src", "main", most_bytes=100)
    with pytest.raises(ProviderUnavailable, match="larger"):
        await sources.blob(sha_of(big), most_bytes=1_000_000)


async def _archive(account, site, most_bytes: int = 10**6) -> bytes:
    sources = account.sources("octo/site")
    async with sources.archive(site.branches["main"], most_bytes=most_bytes) as stream:
        return b"".join([piece async for piece in stream.chunks()])


async def test_an_archive_comes_from_elsewhere_which_gets_no_token(account, github, site):
    packed = await _archive(account, site)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = {each.name.partition("/")[2] for each in archive if each.isfile()}
    assert names == set(FILES)
    (download,) = github.downloads
    assert "authorization" not in download.request_headers
    assert TOKEN not in str(download.request_headers)


async def test_an_archive_inside_the_network_is_refused(github, site, open_api):
    account = open_api(github.url, allow_private=False).account(TOKEN)
    with pytest.raises(AddressRefused):
        await _archive(account, site)
    assert github.downloads == []


async def test_an_archive_where_the_operator_has_sent_us_may_be_inside_the_network(
    github, site, open_api
):
    api = open_api(github.url, allow_private=False, web_url=github._archives_url)
    assert await _archive(api.account(TOKEN), site)


@pytest.mark.parametrize("public", [True, False])
async def test_an_archive_at_the_api_itself_gets_no_token_either(github, site, open_api, public):
    """By its own address, and by the one that GitHub calls itself."""
    github._archives_url = "https://api.github.com" if public else github.url
    account = open_api(github.url, allow_private=False).account(TOKEN)
    with pytest.raises(ProviderUnavailable, match="401"):
        await _archive(account, site)
    asked = github.exchanges.pop()  # no description has it
    assert "legacy.tar.gz" in asked.path
    assert "authorization" not in asked.request_headers


async def test_an_archive_is_bounded(account, site):
    with pytest.raises(ProviderUnavailable, match="larger than 50 bytes"):
        await _archive(account, site, 50)


async def test_a_webhook_that_is_there_is_adopted_with_our_secret(account, site):
    webhooks = account.webhooks("octo/site")
    made = await webhooks.ensure(url=HOOK_URL, secret="one", events=["push"])
    await webhooks.ensure(url="https://other.example.com/", secret="x", events=["push"])
    assert (await webhooks.ensure(url=HOOK_URL, secret="two", events=["push"])).id == made.id
    assert site.secrets[made.id] == "two"
    assert len(site.hooks) == 2


async def test_a_webhook_that_another_maker_was_faster_with_is_adopted(account, github, site):
    """Between the look and the making: GitHub answers 422, and it is looked for again."""
    webhooks = account.webhooks("octo/site")
    made = await webhooks.ensure(url=HOOK_URL, secret="theirs", events=["push"])
    hidden = site.hooks.pop(made.id)
    find = webhooks._find

    async def late(url: str):
        found = await find(url)
        site.hooks[made.id] = hidden
        return found

    webhooks._find = late
    again = await webhooks.ensure(url=HOOK_URL, secret="ours", events=["push"])
    assert again.id == made.id
    assert site.secrets[made.id] == "ours"
    assert [each.status for each in github.calls("POST", "/repos/octo/site/hooks")] == [201, 422]


async def test_deliveries_come_in_pages_and_are_sent_again(account, github, site):
    webhooks = account.webhooks("octo/site")
    made = await webhooks.ensure(url=HOOK_URL, secret="s", events=["push"])
    for _ in range(149):
        site.deliver(made.id, "push", 502)
    deliveries = [each async for each in webhooks.deliveries(made.id)]
    assert len(deliveries) == 150
    assert (deliveries[0].status_code, deliveries[-1].event) == (502, "ping")
    await webhooks.redeliver(made.id, deliveries[0].id)
    latest = await anext(aiter(webhooks.deliveries(made.id)))
    assert (latest.redelivery, latest.guid) == (True, deliveries[0].guid)


async def test_who_may_not_administer_a_repository_is_told(account, github):
    github.add("octo/theirs", admin=False)
    with pytest.raises(NotFound, match="does not show it"):
        await account.webhooks("octo/theirs").ensure(url=HOOK_URL, secret="s", events=["push"])


async def test_a_description_is_cut_to_what_github_takes(account, site):
    sha = site.branches["main"]
    for text, shown in (("a" * 140, "a" * 140), ("a" * 141, "a" * 139 + "…")):
        await account.reports("octo/site").set_commit_status(
            sha, CommitState.FAILURE, context="c", description=text, target_url="https://x.test/"
        )
        assert site.statuses[sha][0]["description"] == shown


def _deployment(site, number: int) -> NewDeployment:
    return NewDeployment(
        deployment_id=f"d-{number}", sha=site.branches["main"], environment="preview",
        production=False, transient=True,
    )  # fmt: skip


async def test_a_deployment_is_told_from_others_of_the_same_commit(account, site):
    reports = account.reports("octo/site")
    made = [(await reports.ensure_deployment(_deployment(site, n))).id for n in (1, 2, 1)]
    assert made[0] == made[2] != made[1]
    (first, _) = site.deployments.values()
    assert first["payload"] == {"autodeployDeploymentId": "d-1"}
    assert first["transient_environment"]


async def test_what_github_does_not_do_names_its_reasons_and_quotes_nothing(account, github, site):
    path = f"/repos/octo/site/statuses/{'0' * 40}"
    with pytest.raises(ProviderRefused) as raised:
        await account.reports("octo/site").set_commit_status(
            "0" * 40, CommitState.PENDING, context="c", description="", target_url="https://x.test/"
        )
    assert raised.value.answered == 422
    assert "SHA" not in raised.value.message
    assert len(github.calls("POST", path)) == 1


async def test_a_comment_of_another_who_quotes_ours_is_left_alone(account, site):
    reports = account.reports("octo/site")
    quote = await reports.upsert_comment(7, marker="> <!-- m -->", body="quoted")
    ours = await reports.upsert_comment(7, marker="<!-- m -->", body="one")
    again = await reports.upsert_comment(7, marker="<!-- m -->", body="two")
    assert again.id == ours.id != quote.id
    assert [each["body"] for each in site.comments[7].values()] == [
        "> <!-- m -->\nquoted", "<!-- m -->\ntwo",
    ]  # fmt: skip


async def test_a_state_of_a_deployment_that_is_new_ends_nothing(account, github, site):
    reports = account.reports("octo/site")
    made = await reports.ensure_deployment(_deployment(site, 1))
    await reports.set_deployment_status(
        made.id, DeploymentState.SUCCESS, description="", log_url="https://x.test/"
    )
    github.faults.fail(f"/repos/octo/site/deployments/{made.id}/statuses", "novel")
    assert await reports.deployment_state(made.id) is DeploymentState.UNKNOWN
