"""How a release fares on this machine: what its processes use, and what it has answered lately."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autodeploy.kernel.processes import Usage
from autodeploy.kernel.sandbox import SandboxProcess
from autodeploy.providers.local.agent.instances import Instance
from autodeploy.providers.local.agent.rates import Rates
from autodeploy.providers.metrics import AppMetrics

# The kernel tells CPU time by the hundredth of a second: enough of them pass meanwhile.
_BETWEEN_SECONDS = 1.0


@dataclass(frozen=True)
class _Reading:
    """``at`` is of the monotonic clock."""

    at: float
    usage: Mapping[SandboxProcess, Usage]


async def measure(instance: Instance, rates: Rates) -> AppMetrics:
    """What all processes of a release use, its workers' too: CPU over a second from now on."""
    processes = instance.processes()
    before = await asyncio.to_thread(_read, processes)
    await asyncio.sleep(_BETWEEN_SECONDS)
    after = await asyncio.to_thread(_read, processes)
    rate = await rates.of(instance.app.number) if instance.app.listens else None
    return AppMetrics(
        measured_at=time.time(),
        instances=instance.up,
        cpu_cores=_cores(before, after),
        memory_bytes=_memory(after),
        memory_limit_bytes=instance.memory_limit_bytes * len(processes) or None,
        requests_per_minute=rate.answers if rate else None,
        failures_per_minute=rate.failures if rate else None,
    )


def _read(processes: Sequence[SandboxProcess]) -> _Reading:
    at = time.monotonic()
    found = ((each, each.usage()) for each in processes)
    return _Reading(at, {each: usage for each, usage in found if usage is not None})


def _cores(before: _Reading, after: _Reading) -> float:
    """Of the processes that were there both times."""
    spent = (
        usage.cpu_seconds - before.usage[each].cpu_seconds
        for each, usage in after.usage.items()
        if each in before.usage
    )
    return sum(max(0.0, each) for each in spent) / (after.at - before.at)


def _memory(reading: _Reading) -> int | None:
    sizes = [usage.memory_bytes for usage in reading.usage.values()]
    told = [size for size in sizes if size is not None]
    return sum(told) if len(told) == len(sizes) else None
