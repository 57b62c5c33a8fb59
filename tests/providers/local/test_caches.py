"""What a framework keeps between builds, in a real sandbox."""

from collections.abc import Callable
from dataclasses import replace
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
