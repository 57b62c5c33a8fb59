"""Mail: by an SMTP server, or while developing into a private folder that `up` shows.

A mail holds links that open accounts, so no line of a log, no error and no ``repr`` holds one.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import AutoDeployError, InvalidInput, Unavailable
from autodeploy.kernel.private_files import create_private_file

_TIMEOUT_SECONDS = 10.0
_RETRY_SECONDS = (2.0, 15.0)
_CLOSE_SECONDS = 10.0
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_log = structlog.get_logger(__name__)


class NoMailServer(AutoDeployError):
    """This installation sends no mail."""

    code = "no_mail_server"
    status = HTTPStatus.NOT_IMPLEMENTED
    usual_remedy = "Ask the operator, who can set a mail server with AUTODEPLOY_SMTP_URL."


class MailNotSent(Unavailable):
    """The mail server is away, or does not take the mail."""

    code = "mail_not_sent"
    usual_remedy = "Try again later; if it stays, tell the operator."


@dataclass(frozen=True)
class Mail:
    """A mail in plain text to one address."""

    recipient: str
    subject: str
    text: str = field(repr=False)


class Transport(Protocol):
    """Where mails go."""

    async def deliver(self, message: EmailMessage) -> None:
        """Raises ``MailNotSent``."""


class SmtpServer:
    """A mail server by URL: ``smtp://[user:password@]host[:587]`` or ``smtps://…[:465]``.

    ``smtps`` is TLS from the first byte; ``smtp`` changes to TLS by STARTTLS and sends nothing
    to a server that does not offer it, unless that one runs on this machine.
    """

    def __init__(self, url: str):
        """Raises ``InvalidInput`` for another URL; the text holds no part of it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _unusable_url() from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
            raise _unusable_url()
        self._tls = parts.scheme == "smtps"
        self.host = parts.hostname
        self.port = port or (465 if self._tls else 587)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None

    async def deliver(self, message: EmailMessage) -> None:
        """Hand the mail to the server. Raises ``MailNotSent``."""
        # None lets the library use STARTTLS where it is offered.
        start_tls = False if self._tls else None if self.host in _THIS_MACHINE else True
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self._username,
                password=self._password,
                use_tls=self._tls,
                start_tls=start_tls,
                timeout=_TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # What the server says may quote the mail; the kind and the code are enough.
            code = getattr(error, "code", None)
            reason = f"{type(error).__name__}{f' {code}' if code else ''}"
            raise MailNotSent(f"The mail server did not take the mail ({reason}).") from None


class Outbox:
    """A folder that only we may read, one file (mode 0600) a mail: there is no mail server."""

    def __init__(self, folder: Path):
        self._folder = folder

    async def deliver(self, message: EmailMessage) -> None:
        """Write the mail. Raises ``MailNotSent``."""
        path = self._folder / f"{time.time_ns()}-{secrets.token_hex(4)}.eml"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(create_private_file, path, message.as_bytes())
        except OSError as error:
            raise MailNotSent(f"The mail cannot be written ({error.strerror}).") from error


class Mailer:
    """Sends mails, at once or in the background."""

    def __init__(
        self,
        transport: Transport | None,
        *,
        sender: str,
        retry_seconds: Sequence[float] = _RETRY_SECONDS,
    ):
        """
        Args:
            transport: where mails go; None when this installation sends none.
            sender: the address in ``From``, with or without a name.
            retry_seconds: how long a posted mail that fails waits before each further try.
        """
        self._transport = transport
        self._sender = sender
        self._retry_seconds = retry_seconds
        self._posted: set[asyncio.Task[None]] = set()

    def require_transport(self) -> None:
        """Raises ``NoMailServer`` when this installation sends no mail."""
        if self._transport is None:
            raise NoMailServer("This installation sends no mail.")

    async def send(self, mail: Mail) -> None:
        """Send the mail now. Raises ``MailNotSent`` and ``NoMailServer``."""
        self.require_transport()
        assert self._transport is not None
        await self._transport.deliver(self._message(mail))

    def post(self, mail: Mail | Coroutine[Any, Any, Mail | None]) -> None:
        """Send the mail in the background, so that neither its time nor its failure shows.

        A coroutine makes the mail there, or finds that there is none. A failure is logged after
        the last try. A mail is lost with its process: whoever waits for it asks again.
        """
        task = asyncio.create_task(self._send_patiently(mail))
        self._posted.add(task)
        task.add_done_callback(self._posted.discard)

    async def flush(self) -> None:
        """Return when every posted mail is sent or given up."""
        while self._posted:
            await asyncio.wait(set(self._posted))

    async def close(self) -> None:
        """Wait a moment for what was posted, then drop it."""
        if self._posted:
            _, late = await asyncio.wait(set(self._posted), timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()

    async def _send_patiently(self, mail: Mail | Coroutine[Any, Any, Mail | None]) -> None:
        try:
            made = mail if isinstance(mail, Mail) else await mail
            if made is not None:
                await self._try(made)
        except AutoDeployError as error:
            _log.warning("mail.not_sent", code=error.code, reason=error.message)

    async def _try(self, mail: Mail) -> None:
        for pause in self._retry_seconds:
            try:
                return await self.send(mail)
            except MailNotSent:
                await asyncio.sleep(pause)
        return await self.send(mail)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.recipient
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = make_msgid(domain="autodeploy.invalid")
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notes in answer
        message.set_content(mail.text)
        return message


def _unusable_url() -> InvalidInput:
    return InvalidInput(
        "The URL of the mail server is not of the form smtp://user:password@host:587.",
        field="AUTODEPLOY_SMTP_URL",
        remedy="Use smtp:// (STARTTLS, port 587) or smtps:// (TLS, port 465); percent-encode "
        "special characters of the user and the password.",
    )
