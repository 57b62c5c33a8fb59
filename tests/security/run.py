"""One run of the platform: what its doors have in common, and what was seen of it."""

import asyncio
import re
from typing import Any

import httpx
from tests.e2e.platform import eventually
from tests.security.canaries import Canaries, Piece
from tests.security.installation import Installation
from tests.security.places import Recorder

Json = dict[str, Any]

#: Answers that hand a secret over, and why: no other may hold one.
HANDED_OVER = {
    "POST /auth/register": "the tokens of the session that it opens",
    "POST /auth/login": "the tokens of the session, or the challenge for the second factor",
    "POST /auth/login/second-factor": "the tokens of the session that it opens",
    "POST /auth/refresh": "the next tokens of the session",
    "POST /auth/setup": "the tokens of the first administrator's session",
    "POST /auth/tokens": "a personal token, once; again for the same Idempotency-Key",
    "POST /auth/ticket": "a ticket, which works once",
    "POST /auth/second-factor": "the secret for the authenticator app, once",
    "POST /auth/second-factor/confirm": "the recovery codes, once",
    "GET /auth/github/url": "the state, which the browser takes to GitHub and back",
    "GET /auth/vercel/url": "the state, which the browser takes to Vercel and back",
    "GET /auth/oidc/url": "the state, and the cookie by which the browser is known again",
    "POST /auth/oidc/callback": "the tokens of the session that it opens",
    "POST /auth/command-line/code": "a code for the command line, which works once",
    "POST /auth/command-line/token": "the personal token of the command line, once",
    "POST /projects/*/tokens": "a service token, once",
    "POST /invitations/accept": "the tokens of the new account's session",
}


class Run:
    """Calls the platform as a user, a stranger and an operator, and keeps all that is answered.

    ``witness`` is no secret: it goes where secrets could, so that the search is seen to find.
    """

    witness = "witness-that-every-place-shows"
    email = "ada@example.com"

    def __init__(self, installed: Installation, client: httpx.AsyncClient):
        self.platform = installed.platform
        self.mailbox = installed.mailbox
        self.exchanges = {
            "github": installed.github.exchanges,
            "vercel": installed.vercel.exchanges,
            "oidc": installed.sso.exchanges,
        }
        self.faults = installed.sso.faults
        self.client = client
        self.canaries = Canaries()
        self.recorder = Recorder()
        client.headers.update({"X-Request-Id": self.witness, "User-Agent": self.witness})
        client.event_hooks = {"response": [self.recorder.keep]}
        self.streamed: list[Piece] = []
        self.shown: list[Piece] = []
        self.headers: dict[str, str] = {}
        self.password = ""
        self._addresses = (f"198.51.{net}.{host}" for net in range(256) for host in range(1, 255))

    def plant(self, door: str, *, escaped: bool = True) -> str:
        return self.canaries.plant(door, escaped=escaped)

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, **headers: str
    ) -> httpx.Response:
        """Call the API, as who is signed in, and each time from another address: limits on tries
        would end the run."""
        answer = await self.client.request(
            method,
            f"/api/v1{path}",
            json=body,
            headers={**self.headers, "X-Forwarded-For": next(self._addresses), **headers},
        )
        assert status in (None, answer.status_code), (path, body, answer.text)
        return answer

    def learn(self, door: str, text: str, *answers: httpx.Response | Piece) -> str:
        """A secret that these answers hand over, each of which has to be one that does."""
        names = [
            each.name if isinstance(each, Piece) else each.extensions["piece"] for each in answers
        ]
        for name in names:
            _, method, path, _ = name.split(" ")
            assert f"{method} {re.sub(r'[0-9a-f-]{36}', '*', path)}" in HANDED_OVER
        return self.canaries.learn(door, text, *names)

    def learn_session(self, answer: httpx.Response, session: Json | None = None) -> Json:
        """The tokens of a session; of a JWT its signature, since the rest says what is known."""
        opened: Json = session or answer.json()
        self.learn("access token", opened["accessToken"].rpartition(".")[2], answer)
        self.learn("refresh token", opened["refreshToken"].rpartition("_")[2], answer)
        return opened

    def sign_in(self, session: Json) -> None:
        self.headers = {"Authorization": f"Bearer {session['accessToken']}"}

    async def link(self, recipient: str, page: str) -> str:
        """The token of the newest link to ``page``; the mail is where it is told."""
        wanted = re.compile(rf"/{page}#token=(\w+)")

        def newest() -> str | None:
            for number, mail in reversed(list(enumerate(self.mailbox.mails))):
                found = wanted.search(str(mail.get_content()))
                if mail["To"] == recipient and found:
                    return self.canaries.learn(f"link to {page}", found[1], f"mail {number}")
            return None

        return await asyncio.to_thread(eventually, f"a mail to {recipient}", newest)

    @property
    def mails(self) -> list[Piece]:
        return [
            Piece(f"mail {number}", str(mail).encode())
            for number, mail in enumerate(self.mailbox.mails)
        ]
