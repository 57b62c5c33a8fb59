"""The platform itself: its ports, and whether it answers where it runs."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from autodeploy.cli.operator.checks.check import Check, Verdict
from autodeploy.cli.operator.home import RunningUp, read_running
from autodeploy.cli.operator.ports import port_problem
from autodeploy.kernel.mail import SmtpServer
from autodeploy.settings import Settings

_ANSWER_SECONDS = 5.0


def ports(settings: Settings) -> Iterator[Check]:
    """Whether each is free, or ours."""
    running = _running(settings)
    if running is not None:
        runs = f"AutoDeploy runs (pid {running.pid})"
        yield Check("API port", Verdict.OK, f"{urlsplit(running.api_url).port}, {runs}")
        yield Check("proxy port", Verdict.OK, f"{running.proxy_port}, {runs}")
        return
    for name, port, variable in (
        ("API port", settings.api_port, "AUTODEPLOY_API_PORT"),
        ("proxy port", settings.proxy_port, "AUTODEPLOY_PROXY_PORT"),
    ):
        problem = port_problem(port)
        if name == "proxy port" and port == settings.api_port:
            problem = "is the API's too"
        if problem is None:
            yield Check(name, Verdict.OK, f"{port} is free")
        else:
            remedy = f"Choose another port with {variable}."
            yield Check(name, Verdict.MISSING, f"{port} {problem}", remedy)


def server(settings: Settings) -> Iterator[Check]:
    """Whether the API answers; one that was not started is as it should be."""
    running = _running(settings)
    if running is None:
        yield Check("server", Verdict.OK, "not started (`autodeploy up` starts it)")
        return
    try:
        answer = httpx.get(f"{running.api_url}/readyz", timeout=_ANSWER_SECONDS, trust_env=False)
        problem = None if answer.is_success else f"is not ready: {answer.text[:200]}"
    except httpx.HTTPError as error:
        problem = f"does not answer ({error or type(error).__name__})"
    if problem is None:
        yield Check("server", Verdict.OK, f"{running.api_url} answers")
    else:
        remedy = f"Read {settings.home / 'logs'}, or start anew: autodeploy down, autodeploy up."
        yield Check("server", Verdict.MISSING, f"{running.api_url} {problem}", remedy)


def mail(settings: Settings) -> Iterator[Check]:
    """Whether mails are sent, and whether who sends them answers."""
    remedy = "Name a mail server with AUTODEPLOY_SMTP_URL (docs/accounts.md)."
    if settings.smtp_url is None and settings.env == "production":
        found = "none: passwords cannot be reset, addresses not verified"
        yield Check("mail", Verdict.ADVICE, found, remedy)
    elif settings.smtp_url is None:
        yield Check("mail", Verdict.OK, "shown by `autodeploy up` (no AUTODEPLOY_SMTP_URL)")
    else:
        server = SmtpServer(settings.smtp_url)
        where = f"{server.host}:{server.port}"
        try:
            socket.create_connection((server.host, server.port), _ANSWER_SECONDS).close()
        except OSError as error:
            found = f"{where} does not answer ({error.strerror or type(error).__name__})"
            yield Check("mail", Verdict.ADVICE, found, remedy)
        else:
            yield Check("mail", Verdict.OK, f"sent by {where}")


def _running(settings: Settings) -> RunningUp | None:
    try:
        running = read_running(settings.home)
    except OSError:  # what is wrong with the home has a check of its own
        return None
    return running if running is not None and running.is_alive() else None
