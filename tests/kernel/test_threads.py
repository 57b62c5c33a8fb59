"""Threads go on when their tasks are cancelled, so that they are waited for."""

import asyncio
import threading

import pytest

from autodeploy.kernel.threads import run_to_end


async def test_cancelled_task_ends_after_its_thread() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    task = asyncio.create_task(run_to_end(work))
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_its_answer_and_its_error_are_the_functions() -> None:
    assert await run_to_end(max, 1, 2) == 2
    with pytest.raises(ValueError, match="invalid literal"):
        await run_to_end(int, "x")
