"""A push to an emulated GitHub becomes a live page, and GitHub is told; so does a pull request."""

import asyncio
import hashlib
import hmac
import http.client
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.e2e.platform import Platform, eventually
from tests.fakes.contract import require_contract
from tests.fakes.github_api import TOKEN, FakeGitHubApi
from tests.fakes.github_state import Repo

pytestmark = pytest.mark.timeout(240)
PUBLIC_URL = "https://autodeploy.test"


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
            self._started.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    require_contract("github")
    with GitHub() as github:
        yield github


@pytest.fixture(scope="module")
def platform(github: GitHub) -> Iterator[Platform]:
    platform = Platform(
        {
            "AUTODEPLOY_PROVIDERS__GITHUB__API_URL": github.fake.url,
            "AUTODEPLOY_PUBLIC_URL": PUBLIC_URL,
        }
    )
    try:
        platform.start()
        yield platform
    finally:
        platform.close()


@pytest.fixture(scope="module")
def site(github: GitHub, platform: Platform) -> Repo:
    """A repository whose pushes are deployed as the project ``site``, with its first page live."""
    repo = github.fake.add("octo/site", private=True)
    repo.push(_page("first"), message="first")
    me = platform.call("GET", "/auth/me")
    platform.call("PUT", f"/users/{me['id']}/connections/github", {"token": TOKEN})
    repository = platform.call("POST", "/repositories", {"url": "octo/site"})
    project = platform.call("POST", "/projects", {"name": "site", "repositoryId": repository["id"]})
    platform.call("PUT", f"/projects/{project['id']}/push-to-deploy", {"previews": True})
    eventually("the first page is live", lambda: platform.page("site") == "first", 90)
    eventually("the webhook is registered", lambda: bool(repo.hooks))
    return repo


def _page(text: str) -> dict[str, bytes]:
    return {"index.html": text.encode()}


def _deliver(repo: Repo, platform: Platform) -> list[int]:
    """Bring what is on its way to the platform, as GitHub would; the statuses of the answers."""
    return [_bring(repo, platform, repo.outgoing.pop(0)) for _ in list(repo.outgoing)]


def _bring(repo: Repo, platform: Platform, outgoing: Any) -> int:
    body = repo.payloads[outgoing.delivery["guid"]]
    address = repo.hooks[outgoing.hook_id]["config"]["url"]
    assert address.startswith(PUBLIC_URL)
    signature = hmac.digest(repo.secrets[outgoing.hook_id].encode(), body, hashlib.sha256).hex()
    connection = http.client.HTTPConnection("127.0.0.1", platform.api_port, timeout=10)
    with closing(connection):
        connection.request(
            "POST",
            urlsplit(address).path,
            body,
            {
                "Content-Type": "application/json",
                "X-GitHub-Event": outgoing.delivery["event"],
                "X-GitHub-Delivery": outgoing.delivery["guid"],
                "X-Hub-Signature-256": f"sha256={signature}",
            },
        )
        outgoing.delivery["status_code"] = connection.getresponse().status
    return int(outgoing.delivery["status_code"])


def test_a_push_becomes_a_live_page_and_github_is_told(site: Repo, platform: Platform) -> None:
    sha = site.push(_page("second"), message="second")
    site.announce("push", {"ref": "refs/heads/main", "after": sha})
    assert _deliver(site, platform) == [204]
    eventually("the second page is live", lambda: platform.page("site") == "second", 90)

    def told() -> bool:
        statuses = site.statuses.get(sha, [])
        return bool(statuses) and statuses[0]["state"] == "success"

    eventually("the commit has its status", told)
    assert site.statuses[sha][0]["target_url"].startswith("http://site.localhost")
    [number] = [each["id"] for each in site.deployments.values() if each["sha"] == sha]
    assert site.deployment_statuses[number][0]["state"] == "success"


def test_a_pull_request_has_a_page_until_it_is_closed(site: Repo, platform: Platform) -> None:
    pull = site.open_pull(7, _page("of the pull request"))
    site.announce("pull_request", {"action": "opened", "number": 7})
    assert _deliver(site, platform) == [204]
    page = "of the pull request"
    eventually("the preview is live", lambda: platform.page("site-pr-7") == page, 90)

    def commented() -> bool:
        return any(
            "http://site-pr-7.localhost" in each["body"]
            for each in site.comments.get(7, {}).values()
        )

    eventually("the comment names its address", commented)
    pull.state = "closed"
    site.announce("pull_request", {"action": "closed", "number": 7})
    assert _deliver(site, platform) == [204]
    eventually("the preview is gone", lambda: platform.page("site-pr-7") != page, 60)
    assert platform.page("site") == "second"


def test_a_delivery_with_another_signature_is_refused(site: Repo, platform: Platform) -> None:
    site.announce("push", {"ref": "refs/heads/main", "after": "0" * 40})
    [hook_id] = site.hooks
    secret = site.secrets[hook_id]
    site.secrets[hook_id] = "another"
    assert _deliver(site, platform) == [401]
    site.secrets[hook_id] = secret
