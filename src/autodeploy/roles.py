"""The parts that each kind of process opens, and the worker."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, Literal

from autodeploy.client_settings import ProviderSettings
from autodeploy.kernel.cache import Cache
from autodeploy.kernel.db import Database
from autodeploy.kernel.events import EventBus
from autodeploy.kernel.git.remote import GitClient
from autodeploy.kernel.heap import keep_from_collections
from autodeploy.kernel.http.posting import Poster
from autodeploy.kernel.mail import Mailer, Outbox, SmtpServer, Transport
from autodeploy.kernel.objects import ObjectStore, start_object_threads
from autodeploy.kernel.queue import Handler, QueueName, Queues, QueueWorker
from autodeploy.kernel.resources import Resources
from autodeploy.kernel.sandbox import MIB, open_sandbox
from autodeploy.kernel.scratch import remove_abandoned
from autodeploy.kernel.signing import TokenSigner
from autodeploy.kernel.telemetry import configure_tracing
from autodeploy.kernel.vault import EmbeddedBackend, Keyring, Vault, VaultRefused
from autodeploy.providers.github import service as github_service
from autodeploy.providers.github.app import AppKey
from autodeploy.providers.github.oauth import GitHubOAuth
from autodeploy.providers.github.provider import GitHubProvider
from autodeploy.providers.identity import IdentityProvider, IdentityProviders
from autodeploy.providers.local.limits import BuildLimits
from autodeploy.providers.local.provider import LocalProvider
from autodeploy.providers.oidc.oauth import OidcProvider
from autodeploy.providers.registry import Registry
from autodeploy.providers.render import provider as render_provider
from autodeploy.providers.render.provider import RenderProvider
from autodeploy.providers.supabase import service as supabase_service
from autodeploy.providers.supabase.oauth import SupabaseOAuth
from autodeploy.providers.supabase.provider import SupabaseProvider
from autodeploy.providers.vercel import oauth as vercel_oauth
from autodeploy.providers.vercel.oauth import VercelOAuth
from autodeploy.providers.vercel.provider import VercelProvider
from autodeploy.services.analyzer.jobs import run_analysis
from autodeploy.services.deployer.databases.jobs import handle_provisioning
from autodeploy.services.deployer.engine import Engine
from autodeploy.services.deployer.jobs import handle_deployment, listen_for_cancellations
from autodeploy.services.deployer.log_archiving import LogPolicy
from autodeploy.services.deployer.reconciler import Duty, Reconciler
from autodeploy.services.deployer.runner import Runner
from autodeploy.services.deployer.runs.worker import RunWorker
from autodeploy.services.monitor.notifications.sender import Sender
from autodeploy.services.monitor.notifications.upkeep import keep_notifications
from autodeploy.settings import Settings

if TYPE_CHECKING:
    from autodeploy.kernel.ratelimit import RateLimiter

DatabaseRole = Literal["app", "worker"]

# How long a stopping worker lets a job end by itself, before it hands it to another worker.
_GRACE_SECONDS = 1.0
# Every running deployment may need a connection for its work and one for its lease.
_WORKER_CONNECTIONS = 20
_NOTIFICATIONS_SECONDS = 60.0


def check_keys(settings: Settings) -> None:
    """Raise what is wrong with a key file, or with how the vault server is to be reached.

    A server that would find out while it starts can only end with a traceback.
    """
    open_vault(settings)
    TokenSigner.load(settings.jwt_key_file)


async def open_resources(settings: Settings, database_role: DatabaseRole) -> Resources:
    """The kernel's parts, from the settings. They connect when they are first used.

    What processes that were killed had on disk for a while only is removed.
    """
    for folder in (settings.home / "sources", settings.home / "releases", Path(gettempdir())):
        await asyncio.to_thread(remove_abandoned, folder)
    redis_url = settings.effective_redis_url
    cache = Cache.connect(redis_url)
    await start_object_threads()
    return Resources(
        db=Database(
            settings.effective_database_url,
            role=f"autodeploy_{database_role}",
            pool_size=_WORKER_CONNECTIONS if database_role == "worker" else 10,
        ),
        queues=Queues.connect(redis_url),
        events=EventBus.connect(redis_url),
        cache=cache,
        objects=ObjectStore.open(settings.effective_objects_url),
        vault=open_vault(settings),
        signer=TokenSigner.load(settings.jwt_key_file),
        git=GitClient(allow_private_addresses=settings.allow_private_addresses),
        poster=Poster(allow_private_addresses=settings.allow_private_addresses),
        mail=open_mailer(settings),
        limiter=_open_limiter(settings, cache) if database_role == "app" else None,
        public_url=settings.effective_public_url,
        home=settings.home,
    )


def _open_limiter(settings: Settings, cache: Cache) -> "RateLimiter | None":
    if (settings.rate_limits or "").strip().lower() == "off":
        return None
    # Imported here: a worker does not pay for it.
    from autodeploy.kernel.ratelimit import RateLimiter

    return RateLimiter(cache.redis)


def open_mailer(settings: Settings) -> Mailer:
    """By the operator's server; without one into a folder, or in production not at all."""
    transport: Transport | None = None
    if settings.smtp_url:
        transport = SmtpServer(settings.smtp_url)
    elif settings.env == "development":
        transport = Outbox(settings.outbox)
    return Mailer(transport, sender=settings.mail_sender)


def open_vault(settings: Settings) -> Vault:
    """Seals with the vault server where one is configured, else with the master key of this
    machine; opens what either has sealed. Raises ``MasterKeyError`` and ``VaultRefused``."""
    address = settings.transit_address
    if address is None:
        return Vault(EmbeddedBackend(Keyring.load(settings.master_key_file)))
    # Imported here: an installation without a vault server does not pay for it.
    from autodeploy.kernel.vault.server import AppRole, TokenFile, VaultServer
    from autodeploy.kernel.vault.transit import TransitBackend

    token_file = settings.vault_token_file
    credential = (
        TokenFile(partial(_read_credential, token_file))
        if token_file
        else AppRole(
            partial(_given, settings.vault_role_id, settings.vault_role_id_file),
            partial(
                _given,
                settings.vault_secret_id.get_secret_value() if settings.vault_secret_id else None,
                settings.vault_secret_id_file,
            ),
        )
    )
    transit = TransitBackend(VaultServer(address, credential))
    if not settings.master_key_file.exists() and address.seals:
        return Vault(transit)
    embedded = EmbeddedBackend(Keyring.load(settings.master_key_file))
    return Vault(transit, embedded) if address.seals else Vault(embedded, transit)


def _given(value: str | None, path: Path | None) -> str:
    return _read_credential(path) if path else value or ""


def _read_credential(path: Path) -> str:
    """Raises ``VaultRefused``: a file that is missing now may be there at the next attempt."""
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        raise VaultRefused(
            f"The credential for the vault server cannot be read from {path}.",
            remedy="Put it there, readable by the user that AutoDeploy runs as.",
        ) from None


async def close_resources(resources: Resources) -> None:
    """Close what ``open_resources`` opened."""
    await resources.mail.close()
    await resources.poster.close()
    await resources.events.close()
    await resources.queues.close()
    await resources.cache.close()
    await resources.db.close()
    await resources.vault.close()


async def open_providers(
    settings: Settings, resources: Resources, identities: IdentityProviders
) -> Registry:
    """The providers of this installation. A new one is one more line here.

    ``identities`` renew access to accounts; the caller closes them.
    """
    sandbox = await open_sandbox(settings.home, allow_unsandboxed=settings.allow_unsandboxed)
    github, render, supabase, vercel = (
        _settings_of(settings, name) for name in ("github", "render", "supabase", "vercel")
    )
    return Registry(
        [
            LocalProvider(
                home=settings.home,
                proxy_port=settings.proxy_port,
                objects=resources.objects,
                sandbox=sandbox,
                build_limits=BuildLimits(
                    seconds=settings.build_seconds,
                    memory_bytes=settings.build_memory_mb * MIB,
                    processes=settings.build_processes,
                    disk_bytes=settings.build_disk_mb * MIB,
                ),
                app_limits=settings.app_limits,
            ),
            GitHubProvider(
                api_url=github.api_url or github_service.API_URL,
                web_url=github.web_url or github_service.WEB_URL,
                allow_private_addresses=settings.allow_private_addresses,
                app=_github_app(github),
            ),
            SupabaseProvider(api_url=supabase.api_url or supabase_service.API_URL),
            RenderProvider(api_url=render.api_url or render_provider.API_URL),
            VercelProvider(api_url=vercel.api_url or vercel_oauth.API_URL),
        ],
        identities,
    )


def _github_app(github: ProviderSettings) -> AppKey | None:
    if github.app_id is None or github.private_key is None:
        return None
    return AppKey(github.app_id, github.private_key)


def _settings_of(settings: Settings, name: str) -> ProviderSettings:
    return settings.providers.get(name, ProviderSettings())


def open_identity_providers(settings: Settings) -> IdentityProviders:
    """The services that the operator has set up for signing in and connecting accounts."""
    opened: list[IdentityProvider] = []
    github, vercel, supabase = (
        _settings_of(settings, name) for name in ("github", "vercel", "supabase")
    )
    if github.client_id and github.secret:
        opened.append(
            GitHubOAuth(
                client_id=github.client_id,
                client_secret=github.secret,
                web_url=github.web_url or github_service.WEB_URL,
                api_url=github.api_url or github_service.API_URL,
            )
        )
    if vercel.client_id and vercel.secret and vercel.slug:
        opened.append(
            VercelOAuth(
                slug=vercel.slug,
                client_id=vercel.client_id,
                client_secret=vercel.secret,
                web_url=vercel.web_url or vercel_oauth.WEB_URL,
                api_url=vercel.api_url or vercel_oauth.API_URL,
            )
        )
    if supabase.client_id and supabase.secret:
        opened.append(
            SupabaseOAuth(
                client_id=supabase.client_id,
                client_secret=supabase.secret,
                api_url=supabase.api_url or supabase_service.API_URL,
            )
        )
    if settings.oidc is not None:
        opened.append(
            OidcProvider(
                title=settings.oidc.title,
                issuer=settings.oidc.issuer,
                client_id=settings.oidc.client_id,
                client_secret=settings.oidc.secret,
                scopes=settings.oidc.scopes,
                email_domains=settings.oidc.email_domains,
            )
        )
    return IdentityProviders(opened, public_url=settings.effective_public_url)


async def run_worker(settings: Settings, queues: Sequence[QueueName]) -> None:
    """Run the jobs of the queues until this is cancelled.

    Then no more jobs are taken, and those that run go back with their leases, so that another
    worker resumes them at once.
    """
    stop_tracing = configure_tracing(settings.otlp_endpoint, service="autodeploy-worker")
    resources = await open_resources(settings, "worker")
    identities = open_identity_providers(settings)
    providers: Registry | None = None
    try:
        providers = await open_providers(settings, resources, identities)
        engine = Engine(
            resources=resources,
            providers=providers,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            lease_seconds=settings.lease_seconds,
            health_timeout_seconds=settings.health_seconds,
            watch_seconds=settings.watch_seconds,
            log_policy=LogPolicy(
                archive_after=timedelta(hours=settings.log_archive_hours),
                keep_for=timedelta(days=settings.log_keep_days),
            ),
        )
        keep_from_collections()
        await _work(engine, settings.effective_redis_url, queues)
    finally:
        if providers is not None:
            await providers.close()
        await identities.close()
        await close_resources(resources)
        stop_tracing()


async def _work(engine: Engine, redis_url: str, queues: Sequence[QueueName]) -> None:
    runner = Runner(engine)
    handlers = _handlers(engine, runner)
    workers = [QueueWorker(redis_url, name, handlers[name]) for name in queues if name in handlers]
    background: list[Coroutine[Any, Any, None]] = []
    if QueueName.DEPLOYMENT in queues:
        reconciler = Reconciler(engine, _keeping_notifications(engine))
        background = [
            reconciler.run(),
            reconciler.listen(),
            listen_for_cancellations(engine.resources, runner),
            RunWorker(engine).run(),
            Sender(engine.resources).run(),
        ]
    tasks = [asyncio.create_task(each) for each in background]
    working = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        done, _ = await asyncio.wait([*tasks, *working], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*(worker.close(_GRACE_SECONDS) for worker in workers))
        await asyncio.wait([*tasks, *working], timeout=_GRACE_SECONDS)
        for task in working:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, *working, return_exceptions=True)


def _keeping_notifications(engine: Engine) -> Duty:
    return Duty(
        "notifications", 18, _NOTIFICATIONS_SECONDS, lambda: keep_notifications(engine.resources)
    )


def _handlers(engine: Engine, runner: Runner) -> Mapping[QueueName, Handler]:
    """What runs the jobs of each queue."""

    async def deployment(_name: str, payload: Mapping[str, Any]) -> None:
        await handle_deployment(runner, payload)

    async def analysis(_name: str, payload: Mapping[str, Any]) -> None:
        await run_analysis(engine.resources, engine.providers, payload)

    async def provisioning(_name: str, payload: Mapping[str, Any]) -> None:
        await handle_provisioning(engine, payload)

    return {
        QueueName.DEPLOYMENT: deployment,
        QueueName.ANALYSIS: analysis,
        QueueName.PROVISIONING: provisioning,
    }
