"""Signing in with a browser: the page of the platform sends it back to this process (RFC 8252)."""

import base64
import hashlib
import secrets
import socket
import time
import webbrowser
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.terminal import say
from autodeploy.cli.user.client import Api

WAIT_SECONDS = 300.0
_PAGE = (
    "<!doctype html><meta charset=utf-8><title>AutoDeploy</title>"
    "<p>{}</p><p>You can close this page and go back to the terminal.</p>"
)


def token_from_browser(url: str, name: str, scope: str) -> str:
    """A personal token of whoever signs in at the page of the platform at ``url``, and agrees to
    its ``scope`` there.

    Raises ``CommandError`` when it is cancelled there, or nobody does within five minutes.
    """
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    with closing(Api(url, None)) as api, _Listener(state) as listener:
        page = api.get("/auth/methods")["pageUrl"]
        query = {"port": listener.server_port, "challenge": _challenge(verifier), "state": state,
                 "host": socket.gethostname(), "scope": scope}  # fmt: skip
        address = f"{page}?{urlencode(query)}"
        say(f"Sign in with your browser on this computer:\n\n  {address}\n")
        webbrowser.open(address)
        body = {"code": listener.wait(), "verifier": verifier, "name": name}
        return str(api.post("/auth/command-line/token", body)["token"])


class _Listener(HTTPServer):
    """Waits on loopback for a browser that brings the state, and with it a code."""

    def __init__(self, state: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        self.brought: dict[str, str] | None = None

    def wait(self) -> str:
        """The code. Raises ``CommandError``."""
        ends = time.monotonic() + WAIT_SECONDS
        while self.brought is None and (left := ends - time.monotonic()) > 0:
            self.timeout = left
            self.handle_request()
        if self.brought is None:
            raise CommandError(
                "Nobody signed in within five minutes.",
                remedy="Run `autodeploy login` again. Where no browser is, give a personal token "
                "with --token, or an e-mail address with --email to be asked for the password.",
            )
        if "code" not in self.brought:
            raise CommandError(
                "The sign-in was cancelled in the browser.",
                remedy="Run `autodeploy login` again, and let the command line in.",
                exit_code=ExitCode.NOT_PERMITTED,
            )
        return self.brought["code"]


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = 5  # seconds, for whoever connects and says nothing

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        ours = parts.path == "/" and secrets.compare_digest(
            query.get("state", "").encode(), self.server.state.encode()
        )
        if ours:
            self.server.brought = query
        text = "The command line is let in." if "code" in query else "The sign-in was cancelled."
        body = _PAGE.format(text).encode() if ours else b""
        self.send_response(200 if ours else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests hold the code: they are not written anywhere."""


def _challenge(verifier: str) -> str:
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")
