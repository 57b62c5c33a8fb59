"""Fault points: named places before and after each effect that outlives the process that has it.

The chaos tests (``tests/chaos``, ``docs/reliability.md``) kill, pause and cut off the platform at
these places. Only a process that is started with ``AUTODEPLOY_FAULT_SOCKET``, the path of a unix
socket that they listen on, stops there; in any other one ``fault_point`` hands the function back
as it is. The variable is read once, here, and nothing that a user sends can set it.
"""

import asyncio
import functools
import json
import os
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from autodeploy.kernel.errors import Unavailable

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Effect = Callable[_Arguments, Awaitable[_Result]]
_Function = TypeVar("_Function", bound=Callable[..., Awaitable[object]])

_SOCKET = os.environ.get("AUTODEPLOY_FAULT_SOCKET")
_CUT_OFF = b"drop\n"

#: The points by name, each with the function that has the effect.
POINTS: dict[str, str] = {}


def fault_point(name: str) -> Callable[[_Function], _Function]:
    """Register the decorated coroutine function as an effect that may be struck.

    Raises ``ValueError`` when two have the same name.
    """

    def register(function: _Function) -> _Function:
        if name in POINTS:
            raise ValueError(f"two fault points are named {name!r}")
        POINTS[name] = f"{function.__module__}.{function.__qualname__}"
        if _SOCKET is None:
            return function
        return cast(_Function, _struck(name, function, _SOCKET))

    return register


def _struck(
    name: str, function: _Effect[_Arguments, _Result], socket: str
) -> _Effect[_Arguments, _Result]:
    @functools.wraps(function)
    async def stop_before_and_after(
        *arguments: _Arguments.args, **named: _Arguments.kwargs
    ) -> _Result:
        await _stop_at(socket, name, "before")
        result = await function(*arguments, **named)
        await _stop_at(socket, name, "after")
        return result

    return stop_before_and_after


async def _stop_at(socket: str, name: str, moment: str) -> None:
    """Tell where this process is, and go on when the other side says so, or has gone.

    Raises ``Unavailable`` when the call, or after the effect its answer, is to be lost.
    """
    place = {"point": name, "moment": moment, "pid": os.getpid()}
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            writer.write(json.dumps(place).encode() + b"\n")
            said = await reader.readline()
        finally:
            writer.close()
    except OSError:
        return
    if said == _CUT_OFF:
        raise Unavailable(f"{name} was cut off.", remedy="Only a test of faults does this.")
