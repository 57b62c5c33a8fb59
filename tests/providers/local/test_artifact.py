"""Packing what was built while other releases share its files by hard links."""

import os
import shutil
import threading
from pathlib import Path

from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import Sandbox
from autodeploy.providers.local.artifact import ArtifactStore
from autodeploy.providers.local.layout import Layout, ensure_app_folder

NUMBER = 7


async def test_release_with_the_same_files_may_go_while_they_are_packed(home: Path) -> None:
    Layout(home).ensure_folders()
    store = ArtifactStore(ObjectStore.open(f"file://{home}/objects"), Sandbox.open())
    built = ensure_app_folder(home / "built", NUMBER)
    content = os.urandom(1024) * 50 * 1024
    (built / "shared").write_bytes(content)
    manifest = ensure_app_folder(home / "manifest", NUMBER) / "release.json"
    manifest.write_text("{}")
    for path in (built / "shared", manifest):
        shutil.chown(path, *(2 * [built.stat().st_uid]))
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            (home / "other").hardlink_to(built / "shared")
            (home / "other").unlink()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        artifact = await store.pack(built, manifest, NUMBER, home)
    finally:
        done.set()
        other.join()
    await store.unpack(artifact.key, home / "release", NUMBER, public=False)
    assert (home / "release" / "app" / "shared").read_bytes() == content
