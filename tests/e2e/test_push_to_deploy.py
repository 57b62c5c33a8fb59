"""A push with git to an emulated GitHub becomes a live page, and GitHub is told; so does a pull
request. GitHub calls the platform itself."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.platform import Platform, eventually
from tests.fakes.contract import require_contract
from tests.fakes.github_api import TOKEN, FakeGitHubApi
from tests.fakes.github_git import Pushed
from tests.fakes.github_hooks import send_out
from tests.fakes.github_state import Json, Repo
from tests.kernel.git.servers import commit_files, git, smart_http

pytestmark = pytest.mark.timeout(240)


class GitHub:
    """The emulated one, in a thread of its own: the test waits for other processes meanwhile."""

    def __init__(self) -> None:
        self.fake = FakeGitHubApi()
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "GitHub":
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with self.fake.run():
            sending = asyncio.create_task(send_out(self.fake.repos))
            self._started.set()
            await self._stop.wait()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    require_contract("github")
    with GitHub() as github:
        yield github


@pytest.fixture(scope="module")
def platform(github: GitHub) -> Iterator[Platform]:
    platform = Platform({"AUTODEPLOY_PROVIDERS__GITHUB__API_URL": github.fake.url})
    try:
        platform.start()
        yield platform
    finally:
        platform.close()


@dataclass
class Site:
    """A repository at GitHub and a clone of it, which is pushed from."""

    there: Pushed
    work: Path

    @property
    def repo(self) -> Repo:
        return self.there.repo

    def push(self, text: str, branch: str = "main") -> str:
        """Commit a page and push it; its commit."""
        git("checkout", "--quiet", "-B", branch, cwd=self.work)
        sha = commit_files(self.work, {"index.html": text}, text)
        git("push", "--quiet", "origin", branch, cwd=self.work)
        return sha

    def answers(self, event: str) -> list[int]:
        """What the platform has answered to the deliveries of an event, the latest first."""
        [deliveries] = self.repo.deliveries.values()
        return [each["status_code"] for each in deliveries if each["event"] == event]


@pytest.fixture(scope="module")
def clone(github: GitHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A repository with a first page, and git to push more of them."""
    base = tmp_path_factory.mktemp("github")
    there = Pushed(github.fake.add("octo/site", private=True), base / "octo" / "site.git")
    work = base / "work"
    with smart_http(base, pushed=there.look) as (url, _):
        git("clone", "--quiet", f"{url}/octo/site.git", str(work), cwd=base)
        site = Site(there, work)
        site.push("first")
        yield site


@pytest.fixture(scope="module")
def site(clone: Site, platform: Platform) -> Site:
    """The repository, whose pushes are deployed as the project ``site``; its first page is live."""
    me = platform.call("GET", "/auth/me")
    platform.call("PUT", f"/users/{me['id']}/connections/github", {"token": TOKEN})
    repository = platform.call("POST", "/repositories", {"url": "octo/site"})
    project = platform.call("POST", "/projects", {"name": "site", "repositoryId": repository["id"]})
    platform.call("PUT", f"/projects/{project['id']}/push-to-deploy", {"previews": True})
    eventually("the first page is live", lambda: platform.page("site") == "first", 90)
    eventually("the webhook is registered", lambda: bool(clone.repo.hooks))
    return clone


def _is_told(repo: Repo, sha: str) -> bool:
    return _is_success(repo.statuses.get(sha, []))


def _is_success(statuses: list[Json]) -> bool:
    return bool(statuses) and statuses[0]["state"] == "success"


def _is_commented(repo: Repo, number: int, text: str) -> bool:
    return any(text in each["body"] for each in repo.comments.get(number, {}).values())


def test_a_push_becomes_a_live_page_and_github_is_told(site: Site, platform: Platform) -> None:
    sha = site.push("second")
    eventually("the second page is live", lambda: platform.page("site") == "second", 90)
    assert site.answers("push") == [204]
    repo = site.repo
    eventually("the commit has its status", lambda: _is_told(repo, sha))
    assert repo.statuses[sha][0]["target_url"].startswith("http://site.localhost")
    [number] = [each["id"] for each in repo.deployments.values() if each["sha"] == sha]
    told = repo.deployment_statuses  # by themselves: either may be refused
    eventually("its deployment has", lambda: _is_success(told.get(number, [])))


def test_a_pull_request_has_a_page_until_it_is_closed(site: Site, platform: Platform) -> None:
    repo, before = site.repo, platform.page("site")
    site.push("of the pull request", "change")
    pull = site.there.open_pull(7, "change")
    page = "of the pull request"
    eventually("the preview is live", lambda: platform.page("site-pr-7") == page, 90)
    address = "http://site-pr-7.localhost"
    eventually("the comment names its address", lambda: _is_commented(repo, 7, address))
    newer = site.push("newer", "change")
    eventually("the newer one is live", lambda: platform.page("site-pr-7") == "newer", 90)
    eventually("the comment names the newer one", lambda: _is_commented(repo, 7, newer[:12]))
    assert len(repo.comments[7]) == 1
    pull.state = "closed"
    repo.announce("pull_request", {"action": "closed", "number": 7})
    eventually("the preview is gone", lambda: platform.page("site-pr-7") != "newer", 60)
    assert set(site.answers("pull_request")) == {204}
    # An app that goes changes the proxy's routes, with which a request may be lost.
    eventually("the site is as it was", lambda: platform.page("site") == before)


def test_a_delivery_with_another_signature_is_refused_and_the_push_is_seen_anyway(
    site: Site, platform: Platform
) -> None:
    [hook_id] = site.repo.hooks
    site.repo.secrets[hook_id] = "another"
    site.push("third")
    eventually("the delivery was refused", lambda: 401 in site.answers("push"))
    eventually("the third page is live", lambda: platform.page("site") == "third", 90)
