"""Passwords are computed beside the event loop, few at a time."""

import asyncio
import threading

import pytest
from tests.services.auth.accounts import AS_FOR_PEOPLE

from autodeploy.services.auth import passwords
from autodeploy.services.auth.passwords import (
    AT_ONCE,
    THREADS,
    check_password,
    hash_password,
)


@pytest.fixture(autouse=True)
def _as_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", AS_FOR_PEOPLE)


async def test_the_event_loop_goes_on_while_passwords_are_computed_few_at_once():
    stored = await hash_password("right")
    work = asyncio.gather(
        *(check_password(password, stored) for password in ["right", "wrong"] * 20)
    )
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert await work == [True, False] * 20
    assert turns > 200  # computed in the loop itself, they leave it a turn or two
    threads = [each for each in threading.enumerate() if each.name.startswith(THREADS)]
    assert 0 < len(threads) <= AT_ONCE


async def test_other_threads_do_not_wait_behind_passwords():
    work = [asyncio.create_task(hash_password("a")) for _ in range(40)]
    await asyncio.sleep(0)
    await asyncio.to_thread(str)
    assert sum(each.done() for each in work) < 20
    await asyncio.gather(*work)
