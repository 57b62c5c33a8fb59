"""An installation with everything around it that it can be set up with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from tests.api.oauth.conftest import PUBLIC_URL
from tests.api.test_tracing import Collector, running_collector
from tests.e2e.platform import Platform
from tests.fakes import github_oauth, oidc, vercel_oauth
from tests.fakes.github_oauth import FakeGitHub
from tests.fakes.oidc import FakeOidc
from tests.fakes.vercel_oauth import FakeVercel
from tests.kernel import smtp

# Limits that nothing here reaches, and that are counted all the same.
_LIMITS = "auth=100000/minute,deployments=100000/minute,analyze=100000/minute,api=100000/minute"


@dataclass
class Installation:
    """A running platform, its mail server, its collector of traces, and providers."""

    platform: Platform
    mailbox: smtp.Mailbox
    collector: Collector
    github: FakeGitHub
    vercel: FakeVercel
    sso: FakeOidc


@asynccontextmanager
async def installation() -> AsyncIterator[Installation]:
    """``autodeploy up`` at log level debug."""
    github, vercel, sso = FakeGitHub(), FakeVercel(), FakeOidc()
    github.redirect_uri = f"{PUBLIC_URL}/auth/github/callback"
    vercel.redirect_uri = f"{PUBLIC_URL}/auth/vercel/callback"
    sso.redirect_uri = f"{PUBLIC_URL}/auth/oidc/callback"
    github.expiring = True  # so that it gives refresh tokens too
    mails = smtp.smtp_server(authenticator=smtp.only_known_users, auth_require_tls=False)
    async with github.run(), vercel.run(), sso.run(), mails as (mailbox, port):
        with contextmanager(running_collector)() as collector:
            password = quote(smtp.PASSWORD, safe="")
            environment = {
                "AUTODEPLOY_LOG_LEVEL": "debug",
                "AUTODEPLOY_RATE_LIMITS": _LIMITS,
                "AUTODEPLOY_TRUSTED_PROXIES": "127.0.0.1",
                "AUTODEPLOY_PUBLIC_URL": PUBLIC_URL,
                "AUTODEPLOY_SMTP_URL": f"smtp://{smtp.USER}:{password}@127.0.0.1:{port}",
                "AUTODEPLOY_OTLP_ENDPOINT": collector.url,
            }
            platform = Platform(environment | _providers(github, vercel, sso))
            try:
                await asyncio.to_thread(platform.start)
                yield Installation(platform, mailbox, collector, github, vercel, sso)
            finally:
                await asyncio.to_thread(platform.close)


def _providers(github: FakeGitHub, vercel: FakeVercel, sso: FakeOidc) -> dict[str, str]:
    settings = {
        "PROVIDERS__GITHUB__CLIENT_ID": github_oauth.CLIENT_ID,
        "PROVIDERS__GITHUB__CLIENT_SECRET": github_oauth.CLIENT_SECRET,
        "PROVIDERS__GITHUB__WEB_URL": github.url,
        "PROVIDERS__GITHUB__API_URL": github.url,
        "PROVIDERS__VERCEL__CLIENT_ID": vercel_oauth.CLIENT_ID,
        "PROVIDERS__VERCEL__CLIENT_SECRET": vercel_oauth.CLIENT_SECRET,
        "PROVIDERS__VERCEL__SLUG": vercel_oauth.SLUG,
        "PROVIDERS__VERCEL__WEB_URL": vercel.url,
        "PROVIDERS__VERCEL__API_URL": vercel.url,
        "OIDC__ISSUER": sso.url,
        "OIDC__CLIENT_ID": oidc.CLIENT_ID,
        "OIDC__CLIENT_SECRET": oidc.CLIENT_SECRET,
    }
    return {f"AUTODEPLOY_{name}": value for name, value in settings.items()}
