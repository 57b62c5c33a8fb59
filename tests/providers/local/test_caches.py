"""What a framework keeps between builds, in a real sandbox."""

import contextlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.providers.base import App
from autodeploy.providers.local.provider import LocalProvider

from .conftest import Lines, build_request, release_request, spec

MakeSource = Callable[[dict[str, str]], Path]

FOLDERS = {"nextjs": ".next/cache", "nuxt": "node_modules/.cache", "gatsby": ".cache"}


@pytest.fixture
def provider(local_home: Path) -> LocalProvider:
    store = ObjectStore.open(f"file://{local_home}/objects")
    return LocalProvider(home=local_home, proxy_port=1, objects=store)


@pytest.mark.parametrize("framework", FOLDERS)
async def test_what_a_framework_keeps_is_there_again_and_out_of_the_release(
    provider: LocalProvider, local_home: Path, app: App, source: MakeSource, framework: str
) -> None:
    folder = FOLDERS[framework]
    build = f"ls {folder}; echo work > {folder}/kept; touch {folder}/../beside"
    built = spec(framework=framework, build_command=build)

    first, second = Lines(), Lines()
    await provider.build(build_request(app, source({}), built), first)
    artifact = await provider.build(build_request(app, source({}), built), second)
    request = release_request(app, artifact.key, built)
    await provider._ensure_unpacked(request, Lines())

    assert "kept" not in first.text.splitlines()
    assert "kept" in second.text.splitlines()
    tree = local_home / "releases" / str(request.deployment_id) / "app"
    assert list((tree / folder).iterdir()) == []
    # The running app may write there, too.
    assert (tree / folder).stat().st_uid == tree.stat().st_uid


async def test_two_apps_share_neither_work_nor_downloads(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    build = "ls .next/cache $HOME; touch .next/cache/kept $HOME/kept"
    built = spec(framework="nextjs", build_command=build)
    other = replace(app, number=app.number + 5000)
    logs = [Lines(), Lines()]

    for log, one in zip(logs, (app, other), strict=True):
        await provider.build(build_request(one, source({}), built), log)

    assert "kept" not in logs[1].text.splitlines()


@contextlib.contextmanager
def package_index(asked: list[str]) -> Iterator[str]:
    """An index with one package, whose files may be kept, as pypi.org says of its own."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        metadata = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        archive.writestr("tiny-1.0.dist-info/METADATA", metadata)
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            name = "tiny-1.0-py3-none-any.whl"
            is_file = self.path.endswith(".whl")
            body = wheel.getvalue() if is_file else f'<a href="/files/{name}">{name}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            if is_file:
                self.send_header("Cache-Control", "max-age=365000000, immutable, public")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


async def test_pip_downloads_once_what_two_builds_install(
    provider: LocalProvider, app: App, source: MakeSource
) -> None:
    built = spec(
        language="python",
        package_manager="pip",
        install_command="pip install -r requirements.txt",
        lock_files=("requirements.txt",),
    )
    asked: list[str] = []
    with package_index(asked) as index:
        # Of hosts that it does not trust, pip keeps what came by https alone.
        environment = {"PIP_INDEX_URL": index, "PIP_TRUSTED_HOST": "127.0.0.1"}
        for text in ("tiny\n", "tiny==1.0\n"):
            root = source({"requirements.txt": text})
            await provider.build(build_request(app, root, built, environment), Lines())
    assert asked == ["/simple/tiny/", "/files/tiny-1.0-py3-none-any.whl", "/simple/tiny/"]
