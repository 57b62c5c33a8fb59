"""Render, Vercel and Supabase, emulated in a thread of this process, and a git server that Render
may fetch from; what takes them minutes takes a moment."""

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.fakes.render_api import FakeRenderApi
from tests.fakes.supabase_api import FakeSupabase
from tests.fakes.vercel_api import FakeVercelApi
from tests.kernel.git.servers import smart_http

from autodeploy.kernel import clock
from autodeploy.kernel.http.timing import SystemTiming

_START_SECONDS = 10.0
_STOP_SECONDS = 30.0
# A build takes 10 s at Vercel and a promotion 3 s, a deploy at Render 17 s, and a database comes up
# within 115 s.
_VERCEL_TIMES = 20
_RENDER_TIMES = 100
_SUPABASE_TIMES = 200
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class QuickTime:
    """The time of this machine, so many times as fast."""

    times: int

    @property
    def seconds(self) -> float:
        return time.monotonic() * self.times


class QuickTiming(SystemTiming):
    """The same, with a clock on the wall that goes ahead as fast."""

    def __init__(self, times: int):
        self._quick = QuickTime(times)
        self._begun, self._from = clock.now(), self._quick.seconds

    def monotonic(self) -> float:
        return self._quick.seconds

    def now(self) -> datetime:
        return self._begun + timedelta(seconds=self._quick.seconds - self._from)


_OPENING = threading.Lock()


class Elsewhere:
    """The providers, an address at which every release answers, and ``git_url``, below which the
    repositories in ``sources`` are; with a certificate that the platform trusts with
    ``environment``. Keeps its files in ``folder``."""

    def __init__(self, folder: Path, sources: Path):
        quick = QuickTime(_SUPABASE_TIMES)
        self.render = FakeRenderApi(QuickTiming(_RENDER_TIMES))
        self.vercel = FakeVercelApi(QuickTime(_VERCEL_TIMES))
        self.supabase = FakeSupabase(lambda: quick.seconds)
        self.git_url = ""
        self._folder = folder
        self._sources = sources
        self._certificate = folder / "elsewhere.pem"
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """Of a platform that is to go here; its own ``PYTHONPATH`` comes after this one."""
        return {
            "AUTODEPLOY_PROVIDERS__RENDER__API_URL": self.render.url,
            "AUTODEPLOY_PROVIDERS__VERCEL__API_URL": self.vercel.url,
            "AUTODEPLOY_PROVIDERS__SUPABASE__API_URL": self.supabase.url,
            "GIT_SSL_CAINFO": str(self._certificate),
            "PYTHONPATH": str(self._folder / "trust"),
        }

    def open(self) -> None:
        # FastAPI silences warnings while it makes a route, which two threads at once undo for
        # each other.
        with _OPENING:
            self._thread.start()
            assert self._ready.wait(_START_SECONDS), "the providers have not come up"

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(_STOP_SECONDS)

    def forget(self) -> None:
        """Fail nothing more, and keep nothing of what was exchanged."""
        for fake in (self.render, self.vercel, self.supabase):
            fake.faults.queued.clear()
            fake.exchanges.clear()

    async def _serve(self) -> None:
        certified = self._certify()
        apps = _answering(certified)
        async with (
            apps as self.vercel.answers_at, self.render.run(), self.vercel.run(),
            self.supabase.run(),
        ):  # fmt: skip
            self.render.answers_at = self.vercel.answers_at
            self._loop = asyncio.get_running_loop()
            with smart_http(self._sources, certified=certified) as (self.git_url, _):
                self._ready.set()
                await self._closing.wait()
            self.forget()  # calls of processes that were killed hold to no description

    def _certify(self) -> ssl.SSLContext:
        """Make a certificate, and a ``certifi`` that knows it: the platform takes none from its
        environment."""
        self._certificate.write_bytes(_make_certificate())
        trusted = self._folder / "trust/certifi/__init__.py"
        trusted.parent.mkdir(parents=True)
        trusted.write_text(f"def where():\n    return {str(self._certificate)!r}\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        return context


@contextlib.asynccontextmanager
async def _answering(context: ssl.SSLContext) -> AsyncIterator[str]:
    """The host and port at which every app is well."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_ANSWER)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _make_certificate() -> bytes:
    """A key, and its certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "elsewhere")])
    start = datetime.now(UTC) - timedelta(minutes=5)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=7))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
