"""What is said of a release that never answers."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from uuid import uuid4

import pytest
from tests.services.deployer.provider import FolderProvider

from autodeploy.kernel.app_file import HealthCheck
from autodeploy.kernel.errors import Unavailable
from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import Release
from autodeploy.services.analyzer.plan import AppKind, Plan
from autodeploy.services.deployer.errors import AppCrashed, AppNotListening, HealthCheckFailed
from autodeploy.services.deployer.health import Health, _pause, _Seen, wait_until_healthy


@pytest.fixture
def silent_url() -> Iterator[str]:
    """An address where nothing listens, and nothing else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.mark.parametrize(
    ("state", "failure"),
    [("starting", AppNotListening), ("running", AppNotListening), ("backoff", AppCrashed)],
)
async def test_app_without_an_answer_is_called_crashed_only_if_it_ended(
    home: Path, silent_url: str, state: str, failure: type[Exception]
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    provider.state = state
    release = Release(uuid4(), {}, (silent_url,))
    (home / "releases" / str(release.deployment_id)).touch()
    with pytest.raises(failure):
        await wait_until_healthy(provider, release, Health(0.3))


async def test_starting_app_is_asked_often_and_its_provider_seldom(
    home: Path, silent_url: str
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    release = Release(uuid4(), {}, (silent_url,))
    (home / "releases" / str(release.deployment_id)).touch()
    with pytest.raises(AppNotListening):
        await wait_until_healthy(provider, release, Health(0.4))
    assert provider.calls["status"] <= 3
    paces = [_pause(waited, _Seen()) for waited in (0, 0.2, 1, 10, 60)]
    assert paces == pytest.approx([0.02, 0.02, 0.05, 0.5, 1])


async def test_app_that_answers_badly_is_not_flooded(home: Path, pages_url: str) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    release = Release(uuid4(), {}, (pages_url,))
    (home / "releases" / str(release.deployment_id)).touch()
    _Pages.asked.clear()
    with pytest.raises(HealthCheckFailed):
        await wait_until_healthy(provider, release, Health(0.4, "/healthz", range(400)))
    assert len(_Pages.asked) <= 2


@pytest.mark.parametrize("listens", [True, False])
async def test_provider_elsewhere_is_asked_seldom(
    home: Path, silent_url: str, listens: bool
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    release = Release(uuid4(), {}, (silent_url,) if listens else ())
    (home / "releases" / str(release.deployment_id)).touch()
    health = Health.of(Plan(kind=AppKind.SERVER), 0.5, hosted=True)
    with pytest.raises(AppNotListening) as failed:
        await wait_until_healthy(provider, release, health)
    assert provider.calls["status"] == 2, "at first, and to say why it failed"
    assert (silent_url in failed.value.message) == listens, "no port of ours is its own"


async def test_what_is_asked_how_often_and_what_is_well_can_be_said(
    home: Path, pages_url: str
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    release = Release(uuid4(), {}, (pages_url,))
    (home / "releases" / str(release.deployment_id)).touch()
    await wait_until_healthy(provider, release, Health(5, "/healthz", range(404, 405)))
    _Pages.asked.clear()
    with pytest.raises(HealthCheckFailed, match=r"for 0\.5 s") as refused:
        await wait_until_healthy(provider, release, Health(0.5, "/", range(201, 202), 0.02))
    assert len(_Pages.asked) >= 5
    assert "of 201" in str(refused.value.remedy)


def test_what_the_owner_says_of_the_health_of_an_app_is_obeyed() -> None:
    said = HealthCheck(status="200-204", timeout=90, interval=2.5)
    plan = Plan(kind=AppKind.SERVER, health_path="/up", health_check=said)
    assert Health.of(plan, 60) == Health(90, "/up", range(200, 205), 2.5)
    assert Health.of(Plan(kind=AppKind.SERVER), 60) == Health(60)
    assert Health.of(Plan(kind=AppKind.SERVER, health_path="/up"), 60).statuses == range(400)
    assert Health.of(Plan(kind=AppKind.STATIC), 60).steady_seconds == 0


class _Pages(BaseHTTPRequestHandler):
    """``/`` is well, ``/healthz`` is missing."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if self.path == "/" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def pages_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def test_path_that_the_owner_named_is_asked_and_must_be_there(
    home: Path, pages_url: str
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    release = Release(uuid4(), {}, (pages_url,))
    (home / "releases" / str(release.deployment_id)).touch()
    await wait_until_healthy(provider, release, Health(5))
    with pytest.raises(HealthCheckFailed, match="/healthz with status 404"):
        await wait_until_healthy(provider, release, Health(0.3, "/healthz", range(400)))


async def test_release_that_its_machine_lost_while_it_started_is_to_be_made_again(
    home: Path, silent_url: str
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    with pytest.raises(Unavailable) as lost:
        await wait_until_healthy(provider, Release(uuid4(), {}, (silent_url,)), Health(5))
    assert lost.value.retryable


async def test_process_that_came_to_be_at_another_port_is_asked_there(
    home: Path, silent_url: str, pages_url: str
) -> None:
    provider = FolderProvider(home, ObjectStore.open(f"file://{home}/objects"))
    provider.check_urls = (pages_url, pages_url)
    release = Release(uuid4(), {}, (silent_url, silent_url))
    (home / "releases" / str(release.deployment_id)).touch()
    await wait_until_healthy(provider, release, Health(10))
