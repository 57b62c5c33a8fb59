"""The emulated GitHub, or another one that the environment names.

With ``AUTODEPLOY_PROVIDERS__GITHUB__API_URL`` the tests that hold calls against GitHub's
description go there, with ``AUTODEPLOY_CONTRACT_TOKEN`` to ``AUTODEPLOY_CONTRACT_REPOSITORY``
(default: the first that the account sees); those that need faults or a state of their own skip.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.github_api import TOKEN, FakeGitHubApi
from tests.fakes.github_state import Repo
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.github.api import GitHubAccount, GitHubApi
from autodeploy.providers.github.service import WEB_URL

ELSEWHERE = os.environ.get("AUTODEPLOY_PROVIDERS__GITHUB__API_URL")
FILES = {"README.md": b"# Site\n", "src/app.py": b"print('hello')\n", "src/ü b.txt": b"\xff\x00"}

Open = Callable[..., GitHubApi]


@pytest.fixture
def described() -> None:
    """The description is there: without it, nothing that the test does is held against it."""
    if not ELSEWHERE:
        require_contract("github")


@pytest.fixture
async def github() -> AsyncIterator[FakeGitHubApi]:
    """The emulated one, which the test may change and have fail."""
    if ELSEWHERE:
        pytest.skip("needs an emulated GitHub, and the environment names another")
    async with FakeGitHubApi().run() as fake:
        yield fake


@pytest.fixture
def site(github: FakeGitHubApi) -> Repo:
    """A repository with files on ``main``."""
    repo = github.add("octo/site", private=True)
    repo.push(FILES)
    return repo


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
async def open_api(time: MovedTime) -> AsyncIterator[Open]:
    """``open_api(url)``: the API there, closed after the test."""
    async with AsyncExitStack() as stack:

        def open_(
            url: str,
            *,
            web_url: str = WEB_URL,
            patience: Patience | None = None,
            allow_private: bool = True,
        ) -> GitHubApi:
            api = GitHubApi(
                api_url=url,
                web_url=web_url,
                allow_private_addresses=allow_private,
                patience=patience,
                timing=time,
            )
            stack.push_async_callback(api.close)
            return api

        yield open_


@pytest.fixture
def account(github: FakeGitHubApi, site: Repo, open_api: Open) -> GitHubAccount:
    """The account at the emulated one."""
    return open_api(github.url).account(TOKEN)


@pytest.fixture(params=[False] if ELSEWHERE else [False, True], ids=lambda each: f"strict={each}")
async def address(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Wherever the tests of the contract go; of the emulated ones, also to the one that knows what
    is described alone."""
    if ELSEWHERE:
        yield ELSEWHERE.rstrip("/")
        return
    async with FakeGitHubApi().run() as fake:
        fake.described_only = request.param
        repo = fake.add("octo/site", private=True)
        repo.push(FILES)
        repo.open_pull(7, FILES)
        yield fake.url


@pytest.fixture
async def api(address: str) -> AsyncIterator[GitHubApi]:
    api = GitHubApi(api_url=address, allow_private_addresses=True)
    yield api
    await api.close()


@pytest.fixture
def anyone(api: GitHubApi) -> GitHubAccount:
    """The account of the tests of the contract."""
    return api.account(os.environ.get("AUTODEPLOY_CONTRACT_TOKEN", TOKEN))


@pytest.fixture
async def name(anyone: GitHubAccount) -> str:
    """The repository of the tests of the contract."""
    named = os.environ.get("AUTODEPLOY_CONTRACT_REPOSITORY")
    return named or (await anext(aiter(anyone.repositories()))).full_name


@pytest.fixture
def pull_request() -> int:
    """A pull request of that repository."""
    if ELSEWHERE and "AUTODEPLOY_CONTRACT_PULL_REQUEST" not in os.environ:
        pytest.skip("AUTODEPLOY_CONTRACT_PULL_REQUEST names no pull request there")
    return int(os.environ.get("AUTODEPLOY_CONTRACT_PULL_REQUEST", "7"))
