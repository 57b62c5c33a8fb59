"""Mails reach a real server, encrypted and signed in where they should be, or a private folder."""

import asyncio
import socket
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from tests.kernel.smtp import PASSWORD, USER, only_known_users, smtp_server, tls_context

from autodeploy.kernel.errors import InvalidInput, NotFound
from autodeploy.kernel.mail import Mail, Mailer, MailNotSent, NoMailServer, Outbox, SmtpServer

LINK = "https://autodeploy.test/verify-email#token=" + "s" * 60
MAIL = Mail("ada@example.com", "Confirm – your address", f"Open\n\n{LINK}\n")


def mailer(url: str) -> Mailer:
    return Mailer(SmtpServer(url), sender="AutoDeploy <ad@example.com>", retry_seconds=(0.01,))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_mail_arrives_with_its_whole_link() -> None:
    async with smtp_server() as (mailbox, port):
        await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    (mail,) = mailbox.mails
    assert (mail["To"], mail["From"]) == ("ada@example.com", "AutoDeploy <ad@example.com>")
    assert mail["Subject"] == "Confirm – your address"
    assert LINK in mail.get_content()
    assert mail["Date"]
    assert mail["Message-ID"]


# The server does not see that its connections are encrypted from their first byte.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_password_goes_over_tls_to_a_server_that_asks_for_it(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = tls_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    options = (
        {"ssl_context": context, "auth_require_tls": False}
        if scheme == "smtps"
        else {"tls_context": context, "require_starttls": True}
    )
    async with smtp_server(
        authenticator=only_known_users, auth_required=True, **options
    ) as started:
        mailbox, port = started
        await mailer(f"{scheme}://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}").send(MAIL)
        with pytest.raises(MailNotSent) as failure:
            await mailer(f"{scheme}://{USER}:wrong-one@127.0.0.1:{port}").send(MAIL)
    assert len(mailbox.mails) == 1
    assert mailbox.was_encrypted == [True]
    assert "wrong-one" not in str(failure.value)


async def test_certificate_of_a_stranger_is_refused(tmp_path: Path) -> None:
    context, _ = tls_context(tmp_path)
    async with smtp_server(ssl_context=context) as (mailbox, port):
        with pytest.raises(MailNotSent):
            await mailer(f"smtps://127.0.0.1:{port}").send(MAIL)
    assert mailbox.mails == []


async def test_server_elsewhere_that_offers_no_tls_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autodeploy.kernel.mail._THIS_MACHINE", ())
    async with smtp_server() as (mailbox, port):
        with pytest.raises(MailNotSent):
            await mailer(f"smtp://127.0.0.1:{port}").send(MAIL)
    assert mailbox.mails == []


async def test_refusal_says_why_without_the_mail() -> None:
    refused = Mail("refused@example.com", "Hello", LINK)
    async with smtp_server() as (_, port):
        with pytest.raises(MailNotSent) as failure:
            await mailer(f"smtp://127.0.0.1:{port}").send(refused)
    text = f"{failure.value} {failure.value.__cause__} {refused!r}"
    assert LINK not in text
    assert failure.value.retryable


async def test_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autodeploy.kernel.mail._TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailNotSent):
        await mailer(f"smtp://127.0.0.1:{silent.getsockname()[1]}").send(MAIL)


async def test_posted_mail_is_tried_again_and_its_failure_is_logged_without_its_link() -> None:
    post = mailer(f"smtp://127.0.0.1:{closed_port()}")
    with capture_logs() as logs:
        post.post(MAIL)
        await post.flush()
    (entry,) = logs
    assert (entry["event"], entry["code"]) == ("mail.not_sent", "mail_not_sent")
    assert LINK not in str(logs)


async def test_posted_mail_arrives_when_the_server_comes_back() -> None:
    tries = 0

    class Comes:
        async def deliver(self, message: object) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise MailNotSent("away")

    post = Mailer(Comes(), sender="a@b.example", retry_seconds=(0, 0, 0))
    with capture_logs() as logs:
        post.post(MAIL)
        await post.flush()
    assert (tries, logs) == (3, [])


async def test_mail_that_is_made_later_may_turn_out_to_be_none_or_to_fail(home: Path) -> None:
    async def none() -> None:
        return None

    async def fails() -> Mail:
        raise NotFound("gone")

    post = Mailer(Outbox(home / "outbox"), sender="a@b.example")
    with capture_logs() as logs:
        post.post(none())
        post.post(fails())
        await post.flush()
    assert [entry["code"] for entry in logs] == ["not_found"]
    assert not (home / "outbox").exists()


async def test_closing_waits_for_what_was_posted(home: Path) -> None:
    post = Mailer(Outbox(home / "outbox"), sender="a@b.example")
    post.post(MAIL)
    await post.close()
    assert len(list((home / "outbox").iterdir())) == 1


async def test_closing_drops_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    class Hangs:
        async def deliver(self, message: object) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("dropped")

    monkeypatch.setattr("autodeploy.kernel.mail._CLOSE_SECONDS", 0.05)
    post = Mailer(Hangs(), sender="a@b.example")
    post.post(MAIL)
    await post.close()
    await post.flush()
    assert ended == ["dropped"]


async def test_outbox_is_a_private_folder_of_private_files(home: Path) -> None:
    await Mailer(Outbox(home / "outbox"), sender="a@b.example").send(MAIL)
    (path,) = (home / "outbox").iterdir()
    assert (home / "outbox").stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert LINK in message.get_content()  # type: ignore[attr-defined]


async def test_without_a_transport_sending_is_refused_and_posting_is_logged() -> None:
    nowhere = Mailer(None, sender="a@b.example")
    with pytest.raises(NoMailServer):
        await nowhere.send(MAIL)
    with capture_logs() as logs:
        nowhere.post(MAIL)
        await nowhere.flush()
    assert [entry["code"] for entry in logs] == ["no_mail_server"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://x",
        "smtp://",
        "smtp://hidden@",
        "smtp://h:hidden",
        "smtp://[",
    ],
)
def test_url_of_another_form_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        SmtpServer(url)
    assert "hidden" not in f"{failure.value}"
    assert failure.value.field == "AUTODEPLOY_SMTP_URL"
