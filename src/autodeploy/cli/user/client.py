"""The HTTP client of the user commands: one platform, one token, errors as ``CommandError``."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from typing import IO, Any
from urllib.parse import quote, urlsplit

from autodeploy.cli.failures import CommandError, ExitCode, exit_code_of
from autodeploy.cli.plainly import load_plainly
from autodeploy.cli.user.credentials import current_url, load_token

load_plainly("httpx")
import httpx  # noqa: E402

Json = dict[str, Any]
# A value of a query: several are sent as the same name several times.
Query = str | int | list[str] | None
TIMEOUT_SECONDS = 30.0
PAGE_SIZE = 100


class Api:
    """Calls to ``/api/v1`` of the platform at ``url``."""

    def __init__(self, url: str, token: str | None, timeout_seconds: float = TIMEOUT_SECONDS):
        _check_url(url)
        if token:
            _check_token(token)
        self.url = url
        self.token = token
        headers = {"User-Agent": "autodeploy-cli"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=f"{url}/api/v1",
            headers=headers,
            timeout=timeout_seconds,
            trust_env=not is_loopback(url),
        )

    @classmethod
    def connect(cls, timeout_seconds: float = TIMEOUT_SECONDS) -> "Api":
        """The platform that the user chose, with their token for it."""
        url = current_url()
        token = load_token(url)
        if token is None:
            cls(url, None, timeout_seconds)._require_answer()
            raise CommandError(
                f"There is no token for the platform at {url}.",
                remedy=f"Run `autodeploy login --url {url}`, or set AUTODEPLOY_TOKEN.",
                exit_code=ExitCode.NOT_PERMITTED,
            )
        return cls(url, token, timeout_seconds)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: Query) -> Json:
        return self._call("GET", path, query=query)

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, key: str | None = None
    ) -> Json:
        """``key`` is what makes a repetition of the call get the answer to the first."""
        return self._call("POST", path, body=body if body is not None else {}, key=key)

    def put(self, path: str, body: Mapping[str, object], **query: str | None) -> Json:
        return self._call("PUT", path, body=body, query=query)

    def delete(self, path: str, **query: str | None) -> Json:
        return self._call("DELETE", path, query=query)

    def upload(self, path: str, content: IO[bytes], size_bytes: int, **query: str | None) -> Json:
        """Send an archive; ``content`` is read in pieces and never held whole."""
        return self._call("POST", path, query=query, content=(content, size_bytes))

    def items(self, path: str, **query: Query) -> Iterator[Json]:
        """Every item of a list, over all its pages."""
        cursor: str | None = None
        while True:
            page = self.get(path, limit=PAGE_SIZE, cursor=cursor, **query)
            yield from page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                return

    def _require_answer(self) -> None:
        """Raises ``CommandError`` when nothing answers there, or something else does."""
        try:
            self.get("/auth/me")
        except CommandError as failure:
            if failure.exit_code == ExitCode.UNREACHABLE:
                raise

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Query] | None = None,
        body: Mapping[str, object] | None = None,
        content: tuple[IO[bytes], int] | None = None,
        key: str | None = None,
    ) -> Json:
        params = {key: value for key, value in (query or {}).items() if value is not None}
        try:
            if content is not None:
                headers = {"Content-Type": "application/gzip", "Content-Length": str(content[1])}
                answer = self._http.request(
                    method, path, params=params, content=content[0], headers=headers, timeout=None
                )
            else:
                headers = {"Idempotency-Key": key} if key else {}
                answer = self._http.request(method, path, params=params, json=body, headers=headers)
        except httpx.TransportError as error:
            raise unreachable(self.url, error) from error
        except UnicodeEncodeError:  # what the shell passed on was not UTF-8
            raise CommandError(
                "An argument holds bytes that are no UTF-8 text.",
                remedy="Write it in UTF-8; binary values can be given in base64.",
                exit_code=ExitCode.USAGE,
            ) from None
        if answer.is_success:
            return _object(answer) if answer.content else {}
        raise _problem(answer)


def segment(value: str) -> str:
    """``value`` as one segment of a path, whatever it holds."""
    return quote(value, safe="")


def is_loopback(url: str) -> bool:
    """Whether ``url`` names this machine: then no proxy of the environment is used."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise CommandError(
            f"{url!r} is not the address of a platform.",
            remedy="Give one such as http://127.0.0.1:8000, as --url or AUTODEPLOY_URL.",
            exit_code=ExitCode.USAGE,
        )


def _check_token(token: str) -> None:
    """Refuse what cannot stand in a header, without showing it: it may be most of a secret."""
    if not (token.isascii() and token.isprintable()):
        raise CommandError(
            "The token holds a line break, or a character that no token has.",
            remedy="Copy it again; `autodeploy login` stores one, AUTODEPLOY_TOKEN names one.",
            exit_code=ExitCode.USAGE,
        )


def unreachable(url: str, error: Exception) -> CommandError:
    """The platform does not answer."""
    return CommandError(
        f"The platform at {url} does not answer ({error or type(error).__name__}).",
        remedy="Start it with `make up` (or `autodeploy up`), or choose another with AUTODEPLOY_URL"
        f"{' – it is set now' if os.environ.get('AUTODEPLOY_URL') else ''}.",
        exit_code=ExitCode.UNREACHABLE,
    )


def _object(answer: httpx.Response) -> Json:
    try:
        value = answer.json()
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _not_autodeploy(answer)
    return value


def _not_autodeploy(answer: httpx.Response, detail: str = "") -> CommandError:
    return CommandError(
        f"What answers at {answer.url.netloc.decode()} is not AutoDeploy{detail}.",
        remedy="Check the address (AUTODEPLOY_URL, or --url of a login) and what stands before it.",
        exit_code=ExitCode.UNREACHABLE,
    )


def _problem(answer: httpx.Response) -> CommandError:
    """An RFC 9457 problem, or whatever else came with an error status."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    problem = body if isinstance(body, dict) else {}
    exit_code = exit_code_of(answer.status_code)
    if "code" not in problem and exit_code == ExitCode.FAILED:
        return _not_autodeploy(answer, f" (HTTP {answer.status_code})")
    message = problem.get("detail") or problem.get("title") or f"HTTP {answer.status_code}"
    errors = problem.get("errors") or []
    if errors:
        named = "; ".join(f"{item.get('field')}: {item.get('message')}" for item in errors)
        message = f"{message} ({named})"
    remedy = problem.get("remedy")
    if problem.get("code") in (None, "unauthenticated") and exit_code == ExitCode.NOT_PERMITTED:
        remedy = (
            "Run `autodeploy login`, or `autodeploy admin-token` on the platform's machine; "
            "where AUTODEPLOY_TOKEN is set, that token is the one that counts."
        )
    if exit_code == ExitCode.TRY_AGAIN and not remedy:
        seconds = answer.headers.get("retry-after")
        remedy = f"Try again in {seconds} s." if seconds else "Try again in a moment."
    return CommandError(
        str(message),
        remedy=remedy,
        code=problem.get("code"),
        exit_code=exit_code,
    )
