"""Work that goes on when the task that waits for it is cancelled, as it does in threads."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def run_to_end(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """The function's answer, from a thread. A task that is cancelled waits for its end: a thread
    that went on would write anew to what is being removed."""
    work = asyncio.create_task(asyncio.to_thread(function, *args, **kwargs))
    await wait_out(work)
    return work.result()


async def wait_out(*tasks: asyncio.Task[Any]) -> None:
    """Return when all have ended, however they did. A cancellation meanwhile, or several, is
    raised only then."""
    cancelled: asyncio.CancelledError | None = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # else asyncio complains that nobody has looked
    if cancelled is not None:
        raise cancelled
