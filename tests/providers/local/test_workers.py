"""Processes that are kept alive: an app's own, and the workers beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.providers.local.conftest import SERVER, Lines, Node, build_request, release_request, spec

from autodeploy.kernel.sandbox import MIB, Limits, Sandbox
from autodeploy.providers.base import App, Release, ReleaseRequest
from autodeploy.providers.local.agent.kept import KeptProcess, RestartPolicy, Workplace
from autodeploy.providers.local.agent.output import Output
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.local.runtime import APP_LIMITS, AppCommand

MakeSource = Callable[[dict[str, str]], Path]
Keep = Callable[..., contextlib.AbstractAsyncContextManager[tuple[KeptProcess, Output]]]

IMPATIENT = RestartPolicy(
    first_seconds=0.01, longest_seconds=0.05, quick_seconds=1.5, crash_after=3
)


async def until(probe: Callable[[], bool], what: str, seconds: float = 20) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not probe():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what}")


@pytest.fixture
async def keep(node: Node, provider: LocalProvider, app: App, source: MakeSource) -> Keep:
    """Keeps a command of a release alive."""
    built = build_request(app, source({"server.py": SERVER}), spec())
    await provider.build(built, Lines())

    @contextlib.asynccontextmanager
    async def keep(
        command: str, *, limits: Limits = APP_LIMITS, process: str | None = None
    ) -> AsyncIterator[tuple[KeptProcess, Output]]:
        place = Workplace(Layout(node.home), Sandbox.open(), IMPATIENT, limits)
        line = AppCommand(
            built.deployment_id, app.number, command, "", {}, listens=False, process=process
        )
        output = Output()
        kept = KeptProcess(place, line, None, output)
        try:
            yield kept, output
        finally:
            await kept.stop(1)

    return keep


async def test_process_that_never_stays_up_is_called_crashed_and_told_once(keep: Keep) -> None:
    async with keep("exit 7", process="beat") as (kept, output):
        await until(lambda: kept.status().state == "crashed", "it is crashed")
        crashed_at = kept.status().restarts
        await until(lambda: kept.status().restarts > crashed_at + 1, "it is tried again")
        status = kept.status()
        assert (status.state, status.exit_code, status.process) == ("crashed", 7, "beat")
        lines = (await output.read(None, 0)).lines
    told = [text for _, stream, text in lines if stream == "crash"]
    assert told == [
        "beat: It ended 3 times in a row, each within 1.5 s of its start: from now on it is "
        "started each 0.05 s."
    ]


async def test_process_that_stays_up_again_is_no_longer_crashed(keep: Keep) -> None:
    command = (
        "test -e again && exec sleep 100; ls tries* 2>/dev/null | grep -q tries4 && touch again"
    )
    counting = f"{command}; touch tries$(ls | grep -c tries); exit 1"
    async with keep(counting) as (kept, _):
        await until(lambda: kept.status().state == "crashed", "it is crashed")
        await until(lambda: kept.status().state == "running", "it runs")


async def test_process_over_its_memory_is_ended_and_told_so(keep: Keep) -> None:
    command = "exec python3 -c \"held = b'x' * (200 << 20)\""
    async with keep(command, limits=Limits(memory_bytes=64 * MIB)) as (kept, _):
        await until(lambda: kept.status().exit_code is not None, "it ended")
        status = kept.status()
        assert status.exit_code != 0
        assert status.out_of_memory or "MemoryError" in status.log_tail[-2]


WORKING = spec(workers={"worker": "echo begins; touch works; exec sleep 7931"})


async def live(provider: LocalProvider, app: App, root: Path) -> tuple[ReleaseRequest, Release]:
    """A release that runs and has no traffic yet."""
    artifact = await provider.build(build_request(app, root, WORKING), Lines())
    request = release_request(app, artifact.key, WORKING)
    return request, await provider.deploy(request, Lines())


async def test_workers_run_only_beside_the_release_that_has_the_traffic(
    node: Node, provider: LocalProvider, app: App, source: MakeSource
) -> None:
    def working(release: Release) -> bool:
        return (node.home / "releases" / str(release.deployment_id) / "app/works").exists()

    async def said(release: Release) -> list[str]:
        lines = await provider.runtime_lines(release, None, 0)
        return [text for _, _, text in lines.lines]

    request, first = await live(provider, app, source({"server.py": SERVER}))
    next_request, second = await live(provider, app, source({"server.py": f"# new\n{SERVER}"}))
    await until_running(provider, first)
    assert not working(first)
    await provider.promote(request, first)
    await until(lambda: working(first), "the worker runs")
    assert "worker: begins" in await said(first)

    await provider.promote(next_request, second)
    await provider.promote(next_request, second)
    await until(lambda: working(second), "the new worker runs")
    assert (await said(second)).count("worker: begins") == 1
    async with asyncio.timeout(20):
        while "worker: The app ended with exit code 143." not in await said(first):
            await asyncio.sleep(0.05)
    await until_running(provider, first)

    await provider.promote(request, first)
    async with asyncio.timeout(20):
        while (await said(first)).count("worker: begins") < 2:
            await asyncio.sleep(0.05)
    await provider.destroy(app)


async def test_worker_that_ends_is_what_its_release_is_said_to_do(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    failing = spec(workers={"good": "exec sleep 7931", "bad": "exit 5"})
    root = source({"server.py": SERVER})
    artifact = await provider.build(build_request(app, root, failing), Lines())
    request = release_request(app, artifact.key, failing)
    release = await provider.deploy(request, Lines())
    await until_running(provider, release)
    await provider.promote(request, release)
    async with asyncio.timeout(20):
        while (status := await provider.status(release)).exit_code is None:
            await asyncio.sleep(0.05)
    assert (status.process, status.exit_code) == ("bad", 5)
    assert status.state in ("backoff", "starting", "crashed")
    await provider.destroy(app)


async def until_running(provider: LocalProvider, release: Release) -> None:
    async with asyncio.timeout(20):
        while (await provider.status(release)).state != "running":
            await asyncio.sleep(0.05)
