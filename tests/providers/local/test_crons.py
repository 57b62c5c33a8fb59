"""Commands that are run at their times, beside releases on this machine."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.providers.local.conftest import Lines, Node, build_request, release_request, spec
from tests.services.deployer.platform import eventually

from autodeploy.kernel.sandbox import Sandbox
from autodeploy.providers.base import App, Cron, Release, ReleaseRequest, RuntimeStatus
from autodeploy.providers.local.agent import crons as agent_crons
from autodeploy.providers.local.agent.crons import CronMemory, CronProcess
from autodeploy.providers.local.agent.kept import RestartPolicy, Workplace
from autodeploy.providers.local.agent.output import Output
from autodeploy.providers.local.layout import Layout
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.local.runtime import APP_LIMITS, AppCommand

SERVER = """
import http.server, os
http.server.HTTPServer(
    ("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""
Source = Callable[[dict[str, str]], Path]
Deploy = Callable[[Mapping[str, Cron]], Awaitable[tuple[ReleaseRequest, Release]]]


def daily_at(moment: datetime) -> str:
    return f"{moment.minute} {moment.hour} * * *"


def remember(home: Path, app: App, name: str, schedule: str, seen: timedelta) -> None:
    """As if the times before ``seen`` ago had been run."""
    folder = home / "crons"
    folder.mkdir(exist_ok=True)
    known = {"schedule": schedule, "seen_until": time.time() - seen.total_seconds()}
    (folder / f"{app.number}.json").write_text(json.dumps({name: known}))


@pytest.fixture
def deploy(provider: LocalProvider, app: App, source: Source) -> Deploy:
    """Makes a release with commands live."""

    async def make(crons: Mapping[str, Cron]) -> tuple[ReleaseRequest, Release]:
        built = spec(crons=crons)
        request = build_request(app, source({"server.py": SERVER}), built)
        artifact = await provider.build(request, Lines())
        asked = release_request(app, artifact.key, built, {"COLOUR": "blue"})
        release = await provider.deploy(asked, Lines())
        await provider.promote(asked, release)
        return asked, release

    return make


async def printed(provider: LocalProvider, release: Release) -> list[str]:
    output = await provider.runtime_lines(release, None, 0)
    return [text for _, _, text in output.lines]


async def ended(provider: LocalProvider, release: Release) -> RuntimeStatus:
    """How the release fares, once the one command has been run."""

    async def is_over() -> bool:
        [cron] = (await provider.status(release)).crons
        return cron.last_exit_code is not None

    await eventually(is_over)
    return await provider.status(release)


async def test_a_command_is_run_at_its_time_and_not_again_for_it(
    node: Node, provider: LocalProvider, app: App, deploy: Deploy
) -> None:
    schedule = daily_at(datetime.now(UTC))  # which has just begun
    remember(node.home, app, "nightly", schedule, timedelta(minutes=2))
    request, release = await deploy({"nightly": Cron(schedule, "echo it is $COLOUR; exit 3")})
    [cron] = (await ended(provider, release)).crons
    assert (cron.name, cron.last_exit_code) == ("nightly", 3)
    assert cron.last_at is not None
    assert abs(cron.last_at - time.time()) < 60
    assert 0 < cron.next_at - time.time() <= 24 * 3600
    lines = await printed(provider, release)
    assert "nightly: it is blue" in lines
    assert "nightly: It ended with exit code 3." in lines
    assert not [line for line in lines if "is skipped" in line]

    node.restart_agent()
    again = await provider.deploy(request, Lines())
    await provider.promote(request, again)
    [cron] = (await provider.status(again)).crons
    assert cron.last_exit_code == 3
    assert cron.next_at > time.time() + 60
    assert not [line for line in await printed(provider, again) if "nightly" in line]


async def test_a_run_in_which_the_agent_died_is_not_repeated(
    node: Node, provider: LocalProvider, app: App, deploy: Deploy
) -> None:
    schedule = daily_at(datetime.now(UTC))
    remember(node.home, app, "nightly", schedule, timedelta(minutes=2))
    request, release = await deploy({"nightly": Cron(schedule, "echo begin; exec sleep 600")})

    async def is_begun() -> bool:
        return "nightly: begin" in await printed(provider, release)

    await eventually(is_begun)
    [before] = (await provider.status(release)).crons
    node.restart_agent()
    again = await provider.deploy(request, Lines())
    await provider.promote(request, again)
    [cron] = (await provider.status(again)).crons
    assert (cron.last_at, cron.last_exit_code) == (before.last_at, None)
    assert cron.next_at > time.time() + 60
    assert not [line for line in await printed(provider, again) if "nightly" in line]


async def test_a_time_that_passed_while_nothing_ran_is_skipped_and_said(
    node: Node, provider: LocalProvider, app: App, deploy: Deploy
) -> None:
    missed = datetime.now(UTC) - timedelta(minutes=30)
    remember(node.home, app, "nightly", daily_at(missed), timedelta(hours=2))
    _, release = await deploy({"nightly": Cron(daily_at(missed), "echo never")})
    said = f"nightly: Its run of {missed:%Y-%m-%d %H:%M} UTC was missed: nothing ran it then."

    async def is_said() -> bool:
        return said in await printed(provider, release)

    await eventually(is_said)
    [cron] = (await provider.status(release)).crons
    assert cron.last_at is None
    assert "nightly: never" not in await printed(provider, release)


async def test_they_belong_to_the_release_that_has_the_traffic(
    node: Node, provider: LocalProvider, app: App, deploy: Deploy
) -> None:
    schedule = daily_at(datetime.now(UTC) + timedelta(hours=2))
    _, old = await deploy({"nightly": Cron(schedule, "true")})
    assert [cron.name for cron in (await provider.status(old)).crons] == ["nightly"]
    _, new = await deploy({"hourly": Cron("0 * * * *", "true")})
    assert (await provider.status(old)).crons == ()
    assert [cron.name for cron in (await provider.status(new)).crons] == ["hourly"]
    await provider.destroy(app)
    assert not (node.home / "crons" / f"{app.number}.json").exists()


class Often:
    """A schedule that comes each third of a second."""

    def after(self, moment: datetime) -> datetime:
        thirds = int(moment.timestamp() * 3) + 1
        return datetime.fromtimestamp(thirds / 3, UTC)


@pytest.fixture
async def often(
    node: Node, deploy: Deploy, app: App, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], tuple[CronProcess, Output]]]:
    """Begins a command that is due each third of a second, in this process."""
    _, release = await deploy({})
    monkeypatch.setattr(agent_crons, "parse_schedule", lambda _: Often())
    place = Workplace(Layout(node.home), Sandbox.open(), RestartPolicy(), APP_LIMITS)
    begun: list[CronProcess] = []

    def begin(command: str) -> tuple[CronProcess, Output]:
        output = Output()
        timed = AppCommand(release.deployment_id, app.number, "", "", {}, process="often")
        begun.append(CronProcess(place, timed, Cron("* * * * *", command), output))
        return begun[-1], output

    yield begin
    await asyncio.gather(*(one.stop(0) for one in begun))


def texts(output: Output) -> list[str]:
    return [text.removeprefix("often: ") for text in output.tail(100)]


async def test_never_two_at_once(often: Callable[[str], tuple[CronProcess, Output]]) -> None:
    _, output = often("echo begin; sleep 1; echo end")

    async def twice() -> bool:
        return texts(output).count("end") >= 2

    await eventually(twice, 20)
    steps = [text for text in texts(output) if text in ("begin", "end")]
    assert steps[:4] == ["begin", "end", "begin", "end"]
    assert [text for text in texts(output) if "is skipped: the one before still ran" in text]


async def test_nor_of_two_releases(often: Callable[[str], tuple[CronProcess, Output]]) -> None:
    old, output = often("trap '' TERM; echo begin; sleep 2; echo end")

    async def runs() -> bool:
        return "begin" in texts(output)

    await eventually(runs)
    stopping = asyncio.create_task(old.stop(10))
    _, other = often("echo new")

    async def other_runs() -> bool:
        return "new" in texts(other)

    await eventually(other_runs)
    assert "end" in texts(output)
    await stopping


async def test_one_that_runs_is_stopped(
    often: Callable[[str], tuple[CronProcess, Output]],
) -> None:
    cron, output = often("echo begin; exec sleep 600")

    async def runs() -> bool:
        return "begin" in texts(output)

    await eventually(runs)
    began = time.monotonic()
    await cron.stop(5)
    assert time.monotonic() - began < 5
    assert texts(output)[0] == "begin"


def test_what_is_kept_survives_and_damage_is_no_end(tmp_path: Path) -> None:
    memory = CronMemory(Layout(tmp_path), 1)
    assert memory.read("nightly") is None
    known = agent_crons.Remembered("0 3 * * *", 5.0, 4.0, 1)
    memory.write("nightly", known)
    memory.write("hourly", known)
    assert CronMemory(Layout(tmp_path), 1).read("nightly") == known
    (tmp_path / "crons" / "1.json").write_text("{")
    assert memory.read("nightly") is None
