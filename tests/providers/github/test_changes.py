"""What has changed: comparisons, checks and pull requests at the emulated GitHub."""

import pytest
from tests.fakes.github_state import Repo, check_run_shape

from autodeploy.kernel.errors import NotFound
from autodeploy.kernel.http.errors import RateLimited
from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.github.api import GitHubAccount
from autodeploy.providers.github.changes import Changes, CheckState, _CheckRun, _of_run
from autodeploy.providers.github.reports import CommitState


@pytest.fixture
def changes(account: GitHubAccount, site: Repo) -> Changes:
    return account.changes(site.full_name)


async def test_paths_between_commits_are_those_of_files_that_differ(changes, site):
    first = site.branches["main"]
    second = site.push({"README.md": b"# Site\n", "apps/web/a.js": b"1"}, message="second")
    assert await changes.paths_between(first, second) == {
        "apps/web/a.js", "src/app.py", "src/ü b.txt",
    }  # fmt: skip


async def test_paths_are_not_known_where_history_was_written_anew(changes, site):
    lost = site.push({"a": b"1"}, branch="other", message="lost")
    head = site.push({"a": b"2"}, message="head")
    assert await changes.paths_between(lost, head) is None


async def test_paths_are_not_known_where_github_fails_to_compare(changes, site, github):
    first = site.branches["main"]
    head = site.push({"a": b"1"}, message="large")
    compared = f"/repos/octo/site/compare/{first}...{head}"
    github.faults.fail(compared, *["502"] * Patience.attempts)
    assert await changes.paths_between(first, head) is None
    github.faults.fail(compared, "primary_limit")
    with pytest.raises(RateLimited):
        await changes.paths_between(first, head)


async def test_paths_are_not_known_where_github_lists_no_more(changes, site):
    first = site.branches["main"]
    many = site.push({f"f{number}": b"1" for number in range(300)}, message="many")
    assert await changes.paths_between(first, many) is None


@pytest.mark.parametrize(
    ("conclusions", "said"),
    [
        ([], CheckState.NONE),
        (["success", "skipped"], CheckState.PASSED),
        (["success", None], CheckState.PENDING),
        (["success", None, "timed_out"], CheckState.FAILED),
    ],
)
async def test_checks_say_the_worst_of_them(changes, site, conclusions, said):
    sha = site.branches["main"]
    site.check_runs[sha] = [
        check_run_shape(f"ci {number}", sha, conclusion, changes._http.service.base_url)
        for number, conclusion in enumerate(conclusions)
    ]
    assert await changes.checks(sha, but="autodeploy/") is said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("success", CheckState.PASSED), ("pending", CheckState.PENDING),
        ("failure", CheckState.FAILED), ("error", CheckState.FAILED),
    ],
)  # fmt: skip
async def test_a_status_says_what_its_state_does(account, changes, github, site, state, said):
    sha = site.branches["main"]
    await account.reports(site.full_name).set_commit_status(
        sha, CommitState(state), context="ci", description="…", target_url="https://x.test"
    )
    github.faults.fail(f"/repos/octo/site/commits/{sha}/status", "novel")
    assert await changes.checks(sha, but="autodeploy/") is CheckState.PENDING
    assert await changes.checks(sha, but="autodeploy/") is said


def test_a_check_run_that_ended_in_a_new_way_has_not_failed():
    run = {"name": "ci", "status": "completed", "conclusion": "brand_new"}
    assert _of_run(_CheckRun.model_validate(run)) is CheckState.PENDING


async def test_statuses_count_as_checks_unless_they_are_ours(account, changes, site):
    sha = site.branches["main"]
    reports = account.reports(site.full_name)
    for context in ("autodeploy/site", "ci/build"):
        await reports.set_commit_status(
            sha, CommitState.PENDING, context=context, description="…", target_url="https://x.test"
        )
    assert await changes.checks(sha, but="autodeploy/") is CheckState.PENDING
    assert await changes.checks(sha, but="") is CheckState.NONE


async def test_a_pull_request_of_a_fork_is_told(account, site):
    site.open_pull(1, {"a": b"1"}, branch="feature/x")
    site.open_pull(2, {"a": b"2"}, fork=True)
    closed = site.open_pull(3, {"a": b"3"})
    closed.state = "closed"
    pulls = account.pulls(site.full_name)
    assert {each.number: each.is_from_fork async for each in pulls.open()} == {1: False, 2: True}
    assert not (await pulls.get(3)).is_open
    assert (await account.changes(site.full_name).head("feature/x")).sha == site.pulls[1].sha


async def test_what_a_commit_says_is_read_of_one_that_is_there(changes, site):
    sha = site.push({"a": b"1"}, message="Mend it\n\n[skip deploy]")
    site.push({"a": b"2"}, message="newer")
    assert await changes.message(sha) == "Mend it\n\n[skip deploy]"
    with pytest.raises(NotFound):
        await changes.message("0" * 40)


async def test_what_changed_since_commits_parted_leaves_out_what_the_base_has_changed(
    changes, site
):
    site.push({"a": b"1"})
    pull = site.open_pull(7, {"a": b"1", "ours": b"1"})
    base = site.push({"a": b"1", "theirs": b"1"})
    assert await changes.paths_between(base, pull.sha) is None
    assert await changes.paths_between(base, pull.sha, since_parting=True) == {"ours"}
