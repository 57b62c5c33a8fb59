"""The emulated Supabase, or another one that the environment names.

With ``AUTODEPLOY_PROVIDERS__SUPABASE__API_URL`` the tests that hold calls against Supabase's
description go there, with ``AUTODEPLOY_CONTRACT_TOKEN`` and for ``AUTODEPLOY_CONTRACT_OWNER``, the
slug of an organization (default: the only one); those that need faults or a state of their own
skip.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.fakes.contract import require_contract
from tests.fakes.supabase_api import TOKEN, FakeSupabase
from tests.kernel.http.servers import MovedTime

from autodeploy.kernel.http.retries import Patience
from autodeploy.providers.base import App
from autodeploy.providers.databases import DatabaseRequest
from autodeploy.providers.hosted import ConnectedAccount
from autodeploy.providers.supabase.databases import SupabaseDatabases
from autodeploy.providers.supabase.provider import SupabaseProvider

ELSEWHERE = os.environ.get("AUTODEPLOY_PROVIDERS__SUPABASE__API_URL")
PASSWORD = "p@ss/word:%&?#"

Open = Callable[..., SupabaseProvider]


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Notes:
    """Notes that outlive a killed call. ``kill_at`` is the number of the write, from 1, at which
    the process ends: before it is stored, or after where ``late``."""

    values: dict[str, Any] = field(default_factory=dict)
    kill_at: int = 0
    late: bool = False
    writes: int = 0

    async def keep(self, **values: Any) -> None:
        self.writes += 1
        killed = self.writes == self.kill_at
        if killed and not self.late:
            raise Killed
        self.values = {**self.values, **values}
        if killed:
            raise Killed


@dataclass
class Lines:
    """A log sink that keeps what it is given."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)

    async def __call__(self, level: str, source: str, message: str) -> None:
        self.lines.append((level, source, message))

    @property
    def text(self) -> str:
        return "\n".join(f"{level} {message}" for level, _, message in self.lines)


def request_of(
    database_id: UUID, notes: Notes, *, plan: str = "free", region: str | None = None,
    password: Callable[[], Any] | None = None, slug: str = "shop",
) -> DatabaseRequest:  # fmt: skip
    async def choose() -> str:
        return PASSWORD

    return DatabaseRequest(
        database_id=database_id,
        app=App(uuid4(), 1, slug, "production"),
        name="main",
        plan=plan,
        password=password or choose,
        notes=notes,
        region=region,
    )


@pytest.fixture
def described() -> None:
    """The description is there: without it, nothing that the test does is held against it."""
    if not ELSEWHERE:
        require_contract("supabase")


@pytest.fixture
def time() -> MovedTime:
    return MovedTime()


@pytest.fixture
async def supabase(time: MovedTime) -> AsyncIterator[FakeSupabase]:
    """The emulated one, which the test may change and have fail."""
    if ELSEWHERE:
        pytest.skip("needs an emulated Supabase, and the environment names another")
    async with FakeSupabase(time.monotonic).run() as fake:
        yield fake


@pytest.fixture
async def open_provider(time: MovedTime) -> AsyncIterator[Open]:
    """``open_provider(url)``: the provider there, closed after the test."""
    async with AsyncExitStack() as stack:

        def open_(url: str, *, patience: Patience | None = None) -> SupabaseProvider:
            given = {"patience": patience} if patience else {}
            provider = SupabaseProvider(api_url=url, timing=time, **given)
            stack.push_async_callback(provider.close)
            return provider

        yield open_


@pytest.fixture
def provider(supabase: FakeSupabase, open_provider: Open) -> SupabaseProvider:
    return open_provider(supabase.url)


@pytest.fixture
def databases(provider: SupabaseProvider) -> SupabaseDatabases:
    """What the account does at the emulated one, for its only organization."""
    return provider.databases_as(ConnectedAccount(uuid4(), TOKEN))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def log() -> Lines:
    return Lines()
