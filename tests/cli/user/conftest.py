"""A served platform, and people who use the real command line against it."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import shared_app
from tests.cli.command import run
from tests.cli.shapes import check, documented
from tests.conftest import open_database
from tests.fakes.server import serving
from tests.services.auth.accounts import signed_up
from tests.services.auth.people import invitation_token, mails_to

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import service
from autodeploy.services.auth.principal import Scope
from autodeploy.services.auth.schemas import TokenInput


@dataclass(frozen=True)
class Person:
    """Somebody with an account, a folder and a token of one scope."""

    url: str
    folder: Path
    email: str
    token: str | None

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """What a test needs to be there, and is not about: asked of the API itself."""
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers) as client:
            answer = await client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def run(
        self, *arguments: str, stdin: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """A command, run to its end in a process of its own."""
        known = {"AUTODEPLOY_URL": self.url}
        if self.token is not None:
            known["AUTODEPLOY_TOKEN"] = self.token
        return await asyncio.to_thread(run, self.folder, *arguments, stdin=stdin, **known)

    async def json(self, command: str, *arguments: str) -> dict[str, Any]:
        """What a command that succeeds prints for programs, in the shape that is documented."""
        done = await self.run(*command.split(), *arguments, "--json")
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        check(answer, documented(command))
        return answer

    async def refused(self, *arguments: str, code: int = 1, stdin: str | None = None) -> str:
        """What a command that fails in this way says."""
        done = await self.run(*arguments, stdin=stdin)
        assert (done.returncode, done.stdout) == (code, ""), done.stdout + done.stderr
        assert "Next: " in done.stderr
        return done.stderr


@pytest.fixture
async def url(resources: Resources, database_url: str) -> AsyncIterator[str]:
    """A served platform, with the API's own role in the database."""
    database = open_database(database_url, "autodeploy_app")
    with shared_app(replace(resources, db=database)) as app:
        async with serving(app) as url:
            yield url
    await database.close()


PersonMaker = Callable[..., Awaitable[Person]]


@pytest.fixture
def person(url: str, home: Path, resources: Resources) -> PersonMaker:
    """Signs somebody up, whose token manages organizations unless told otherwise."""

    async def make(name: str, scope: Scope = Scope.ADMIN) -> Person:
        email = f"{name}@example.com"
        signed_in = await signed_up(resources, email)
        caller = await service.authenticate(resources, signed_in.access_token)
        token = await service.create_token(
            resources, caller, TokenInput(name="laptop", scopes=[scope])
        )
        folder = home / name
        folder.mkdir()
        return Person(url, folder, email, token.token)

    return make


@pytest.fixture
async def ada(person: PersonMaker) -> Person:
    return await person("ada")


@pytest.fixture
async def grace(person: PersonMaker) -> Person:
    return await person("grace")


@pytest.fixture
async def acme(ada: Person) -> dict[str, Any]:
    """An organization of Ada."""
    made: dict[str, Any] = await ada.call("POST", "/organizations", {"name": "Acme"})
    return made


@pytest.fixture
async def joined(ada: Person, grace: Person, acme: dict[str, Any], resources: Resources) -> Person:
    """Grace, who was invited to Acme and joined as a member."""
    await ada.call("POST", f"/organizations/{acme['id']}/invitations", {"email": grace.email})
    token = invitation_token(mails_to(resources, grace.email)[0])
    await grace.call("POST", "/invitations/accept", {"token": token})
    return grace


@pytest.fixture
def shop(ada: Person) -> Path:
    """The folder of an app, in Ada's."""
    folder = ada.folder / "shop"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>Shop</h1>")
    return folder
