"""No secret is found anywhere: not in logs, databases, Redis, files, answers or error pages.

A secret goes through every door that takes or gives one (``doors``); then all that the platform
answered, wrote and sent is searched for each of them, in every form in which programs write
values. A word that is no secret goes along, and is found in every place: so each was searched.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from redis import Redis
from tests.security import places
from tests.security.canaries import Canaries, Piece
from tests.security.doors import accounts, elsewhere, operator, projects, refusals
from tests.security.installation import Installation, installation
from tests.security.run import Run

Places = dict[str, list[Piece]]

pytestmark = [pytest.mark.timeout(500)]

PLACES = (
    "databases", "keys of Redis", "commands to Redis", "stored objects", "log files",
    "files on disk", "answers", "streams", "mails", "terminals", "traces",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Run, Places]]:
    """The run, and what each place holds after it."""
    async with installation() as installed:
        url = f"http://127.0.0.1:{installed.platform.api_port}"
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            run = Run(installed, client)
            with places.redis_commands(installed.platform) as commands:
                await asyncio.to_thread(show_witness, run)
                await walk(run, tmp_path_factory.mktemp("canaries"))
        yield run, await asyncio.to_thread(collect, run, installed, commands)


def show_witness(run: Run) -> None:
    """Where no request of a user takes it: to Redis, which holds digests of what users send."""
    with Redis(unix_socket_path=str(places.redis_socket(run.platform))) as client:
        client.set("canaries", run.witness)


async def walk(run: Run, folder: Path) -> None:
    """Through every door."""
    operator.keys(run)
    await accounts.accounts(run)
    await accounts.refreshing(run)
    await accounts.second_factor(run)
    await accounts.tokens(run)
    await accounts.invitations(run)
    await elsewhere.providers(run)
    await projects.projects(run)
    await projects.sources(run)
    await refusals.headers(run)
    await refusals.handshakes(run)
    await refusals.addresses(run)
    await refusals.bodies(run)
    await refusals.repositories(run)
    await accounts.reads(run)
    await operator.command_line(run, folder)
    await operator.set_up(run)
    operator.keys(run)


def collect(run: Run, installed: Installation, commands: bytearray) -> Places:
    """What is there while the platform runs, and what is left when it has stopped."""
    platform = run.platform
    found = {
        "databases": places.database_dumps(platform),
        "keys of Redis": places.redis_keys(platform),
        "stored objects": places.stored_objects(platform),
    }
    platform.stop()
    return found | {
        "commands to Redis": [Piece("monitor", bytes(commands))],
        "log files": places.log_files(platform),
        "files on disk": places.files_on_disk(platform),
        "answers": run.recorder.pieces,
        "streams": run.streamed,
        "mails": run.mails,
        "terminals": run.shown,
        "traces": [Piece("spans", body) for body in installed.collector.bodies],
    }


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_found_in(place: str, seen: tuple[Run, Places]) -> None:
    run, pieces = seen
    found = run.canaries.find(pieces[place], raw_alone=place == "files on disk")
    assert not found, "\n".join(map(str, found[:40]))


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_secret_is_found_in(place: str, seen: tuple[Run, Places]) -> None:
    run, pieces = seen
    planted = Canaries()
    planted.learn("every door", run.witness)
    assert planted.find(pieces[place])


SECRET = "s3cret/+='\"<&é\\% ;?~"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        *(base64.b64encode(b"x" * n + SECRET.encode() + b"yz").decode() for n in range(3)),
        *(base64.urlsafe_b64encode(b"x" * n + SECRET.encode()).decode() for n in range(3)),
        quote(SECRET, safe=""),
        "".join(f"%{byte:02x}" for byte in SECRET.encode()),
        json.dumps({"value": SECRET}),
        json.dumps(json.dumps([SECRET])),
        SECRET.encode().hex(),
        f"\\x{SECRET.encode().hex().upper()}",
    ],
)
def test_a_secret_in_the_clear_is_found_in_each_form(text: str) -> None:
    planted = Canaries()
    planted.learn("a door", SECRET)
    (found,) = planted.find([Piece("page", f"before {text} after".encode()), Piece("other", b"")])
    assert (found.door, found.piece) == ("a door", "page")


def test_a_secret_that_an_answer_hands_over_is_found_everywhere_else() -> None:
    planted = Canaries()
    token = planted.learn("token", "adp_0123456789", "answer 1")
    pieces = [Piece("answer 1", token.encode()), Piece("answer 2", token.encode())]
    assert [found.piece for found in planted.find(pieces)] == ["answer 2"]
