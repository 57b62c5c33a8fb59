"""One run of the ``git`` program: clean environment, time-out, size limits, no orphan."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from autodeploy.kernel.folders import folder_bytes
from autodeploy.kernel.git.errors import RepositoryTooLarge, RepositoryUnreachable
from autodeploy.kernel.process import discard_output, find_program, spawn, wait_ended

# The only settings that reach git from our own environment: certificates, and where programs are.
_PASSED_ON = (
    "PATH", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE",
)  # fmt: skip
_ALWAYS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
}
OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024
_STDERR_BYTES = 64 * 1024
_WATCH_SECONDS = 0.5
_DISCARD_SECONDS = 1.0


class GitFailed(Exception):
    """git ended with another status than 0; ``stderr`` is what it said."""

    def __init__(self, status: int, stderr: str):
        super().__init__(f"git ended with status {status}: {stderr.strip()[-300:]}")
        self.status = status
        self.stderr = stderr


def git_environment(home: Path) -> dict[str, str]:
    """An environment in which no configuration but the certificates' reaches git."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed, **_ALWAYS, "HOME": str(home), "XDG_CONFIG_HOME": str(home)}


async def run_git(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    timeout_seconds: float,
    stdin: bytes | None = None,
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES,
    folder_limit_bytes: int | None = None,
) -> bytes:
    """Run ``git *arguments`` and return what it printed.

    The process has its own group, which is killed when it takes too long, prints too much, makes
    ``cwd`` grow over ``folder_limit_bytes``, or when the calling task is cancelled.

    Raises:
        GitFailed: another status than 0.
        RepositoryUnreachable: no end within ``timeout_seconds``.
        RepositoryTooLarge: a size limit was passed.
        ProgramMissing: git is not on this machine.
    """
    process = await spawn(
        [str(find_program("git")), *arguments],
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            stdout, stderr = await _communicate(
                process, stdin, output_limit_bytes, cwd, folder_limit_bytes
            )
    except TimeoutError as error:
        raise RepositoryUnreachable(
            f"The git server did not finish within {timeout_seconds:.0f} seconds.",
            field="url",
            remedy="Try again. If it stays so, check that the server answers and how large the "
            "repository is.",
        ) from error
    finally:
        await _kill_group(process)
    if process.returncode != 0:
        raise GitFailed(process.returncode or 1, stderr.decode(errors="replace"))
    return stdout


async def _communicate(
    process: asyncio.subprocess.Process,
    stdin: bytes | None,
    output_limit_bytes: int,
    folder: Path,
    folder_limit_bytes: int | None,
) -> tuple[bytes, bytes]:
    exchange = asyncio.create_task(_exchange(process, stdin, output_limit_bytes))
    watcher = asyncio.create_task(_watch(folder, folder_limit_bytes))
    watcher.add_done_callback(lambda _: exchange.cancel())
    try:
        await asyncio.wait([exchange])
        if watcher.done():
            watcher.result()
        return exchange.result()
    finally:
        watcher.cancel()
        exchange.cancel()
        await asyncio.gather(watcher, exchange, return_exceptions=True)


async def _exchange(
    process: asyncio.subprocess.Process, stdin: bytes | None, output_limit_bytes: int
) -> tuple[bytes, bytes]:
    assert process.stdout is not None and process.stderr is not None
    out = asyncio.create_task(_read_limited(process.stdout, output_limit_bytes))
    err = asyncio.create_task(_read_tail(process.stderr, _STDERR_BYTES))
    feed = asyncio.create_task(_write(process, stdin))
    try:
        stdout, stderr, _ = await asyncio.gather(out, err, feed)
    finally:
        for task in (out, err, feed):
            task.cancel()
        await asyncio.wait([out, err, feed])
    await process.wait()
    return stdout, stderr


async def _read_limited(stream: asyncio.StreamReader, limit_bytes: int) -> bytes:
    chunks, size = [], 0
    while chunk := await stream.read(1 << 16):
        size += len(chunk)
        if size > limit_bytes:
            raise RepositoryTooLarge(
                "The repository has more refs or files than AutoDeploy reads.", field="url",
                remedy="Deploy a smaller repository, or a part of it.",
            )  # fmt: skip
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_tail(stream: asyncio.StreamReader, keep_bytes: int) -> bytes:
    tail = b""
    while chunk := await stream.read(1 << 16):
        tail = (tail + chunk)[-keep_bytes:]
    return tail


async def _write(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if data is None or process.stdin is None:
        return
    # A git that ended early has said why on its stderr.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _watch(folder: Path, limit_bytes: int | None) -> None:
    """Raise when the folder has grown over the limit; without a limit, end only when cancelled."""
    if limit_bytes is None:
        await asyncio.Event().wait()
        return
    # A poll, because a folder sends no events that could be awaited
    while await asyncio.to_thread(folder_bytes, folder) <= limit_bytes:  # noqa: ASYNC110
        await asyncio.sleep(_WATCH_SECONDS)
    raise RepositoryTooLarge(
        f"The repository is larger than {limit_bytes // 1_000_000} MB.", field="url",
        remedy="Remove large files from it, or deploy a smaller repository.",
    )  # fmt: skip


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    # Also after a normal end: a helper (git-remote-https, ssh) may outlive the main process.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(_let_go(process))


async def _let_go(process: asyncio.subprocess.Process) -> None:
    await wait_ended(process)
    # A helper that left the group might hold the other end.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            await discard_output(process)
