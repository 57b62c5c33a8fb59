"""The other side of the fault points: counts who comes by, and breaks what the plan says."""

import contextlib
import json
import os
import signal
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
from redis import Redis
from redis.exceptions import RedisError
from tests.chaos.plan import Plan

MEGABYTE = 1024**2


class Target(Protocol):
    """What can be broken."""

    home: Path
    has_small_disk: bool

    def process_of(self, name: str) -> psutil.Process: ...

    def fail_call(self, point: str, kind: str) -> None: ...


class FaultPoints:
    """Listens where the processes of a platform stop (``autodeploy.kernel.faults``)."""

    def __init__(self, socket: Path, target: Target):
        self.passes: Counter[tuple[str, str]] = Counter()
        self.struck_at: float | None = None
        self.problem: str | None = None
        self._target = target
        self._plan: Plan | None = None
        self._counting = threading.Lock()
        self._mended_later = False
        self._over = threading.Event()
        self._over.set()
        points = self

        class Visitor(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                if line := self.rfile.readline():
                    answer = points._come_by(json.loads(line))
                    with contextlib.suppress(OSError):
                        self.wfile.write(answer)

        self._server = socketserver.ThreadingUnixStreamServer(str(socket), Visitor)
        self._server.daemon_threads = True
        socket.chmod(0o600)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def arm(self, plan: Plan) -> None:
        """Break what the plan says when its time has come."""
        with self._counting:
            self.passes.clear()
            self.struck_at = self.problem = None
            self._plan = plan

    def disarm(self) -> bool:
        """Break nothing more and let what was paused or filled go on; whether it was struck."""
        with self._counting:
            self._plan = None
        assert self._over.wait(30), "what was broken is not whole again"
        return self.struck_at is not None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _come_by(self, place: dict[str, object]) -> bytes:
        with self._counting:
            plan = self._plan
            passed = (str(place["point"]), str(place["moment"]))
            self.passes[passed] += 1
            if (
                plan is None
                or passed != (plan.point, plan.moment)
                or self.passes[passed] != plan.occurrence
            ):
                return b"go\n"
            self._plan = None
            self.struck_at = time.monotonic()
            self._over.clear()  # at once: to fill a disk takes a while
            self._mended_later = False
        try:
            return self._strike(plan, int(str(place["pid"])))
        except LookupError:
            self.struck_at = None  # what is not there cannot be broken
            return b"go\n"
        except (psutil.Error, OSError) as error:
            self.problem = repr(error)
            return b"go\n"
        finally:
            if not self._mended_later:
                self._over.set()

    def _strike(self, plan: Plan, visitor: int) -> bytes:
        verb, _, name = plan.action.partition(" ")
        if verb == "kill":
            self._process(name, visitor).kill()
        elif verb == "pause":
            self._pause(self._process(name, visitor), plan.seconds)
        elif verb == "restart":
            self._process(name, visitor).send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        elif verb == "flush":
            self._flush()
        elif verb == "fill":
            self._fill_disk(plan.seconds)
        elif verb == "delay":
            time.sleep(plan.seconds)
        elif verb == "fail":
            self._target.fail_call(plan.point, name)
        elif verb == "drop":
            return b"drop\n"
        return b"go\n"

    def _process(self, name: str, visitor: int) -> psutil.Process:
        return psutil.Process(visitor) if name == "self" else self._target.process_of(name)

    def _pause(self, process: psutil.Process, seconds: float) -> None:
        paused = (
            [process, *process.children(recursive=True)] if _is_postgres(process) else [process]
        )
        for one in paused:
            _signal(one, signal.SIGSTOP)
        self._later(seconds, lambda: [_signal(one, signal.SIGCONT) for one in paused])

    def _flush(self) -> None:
        socket = self._target.home / "run/valkey/valkey.sock"
        with contextlib.suppress(RedisError), Redis(unix_socket_path=str(socket)) as redis:
            redis.flushall()

    def _fill_disk(self, seconds: float) -> None:
        if not self._target.has_small_disk:
            raise LookupError("the home lies on a disk that others need")
        filler = self._target.home / "filler"
        with filler.open("wb") as file:
            free = os.statvfs(filler)
            for unit in (MEGABYTE, free.f_frsize):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), unit)
        self._later(seconds, filler.unlink)

    def _later(self, seconds: float, mend: Callable[[], object]) -> None:
        self._mended_later = True

        def wait_and_mend() -> None:
            mend()
            self._over.set()

        threading.Timer(seconds, wait_and_mend).start()


def _is_postgres(process: psutil.Process) -> bool:
    return process.name() == "postgres"


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
