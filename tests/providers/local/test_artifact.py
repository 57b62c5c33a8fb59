"""Packing and unpacking what was built, and every way in which half of it could be kept."""

import asyncio
import os
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import Sandbox, SandboxSpec
from autodeploy.providers.base import Artifact
from autodeploy.providers.local import artifact as artifacts
from autodeploy.providers.local.artifact import ArtifactStore
from autodeploy.providers.local.errors import ArtifactUnusable
from autodeploy.providers.local.layout import Layout, ensure_app_folder, give_to_app

NUMBER = 7
DEPLOYMENT_ID = uuid4()


@dataclass(frozen=True)
class Shop:
    """An app that was built."""

    home: Path
    objects: ObjectStore
    store: ArtifactStore
    built: Path

    def write(self, name: str, content: bytes) -> None:
        (self.built / name).write_bytes(content)
        give_to_app(self.built, NUMBER)

    async def pack(self) -> Artifact:
        manifest = ensure_app_folder(self.home / "manifest", NUMBER) / "release.json"
        manifest.write_text("{}")
        give_to_app(manifest.parent, NUMBER)
        return await self.store.pack(self.built, manifest, NUMBER, DEPLOYMENT_ID)

    async def unpack(self, key: str) -> Path:
        await self.store.unpack(key, self.home / "release", NUMBER, public=False)
        return self.home / "release" / "app"

    def stored(self) -> list[Path]:
        return [path for path in (self.home / "objects").rglob("*") if path.is_file()]


@pytest.fixture
def shop(home: Path) -> Shop:
    Layout(home).ensure_folders()
    objects = ObjectStore.open(f"file://{home}/objects")
    built = ensure_app_folder(home / "built", NUMBER)
    return Shop(home, objects, ArtifactStore(objects, Sandbox.open()), built)


async def test_build_that_is_repeated_replaces_its_artifact(shop: Shop) -> None:
    shop.write("app.txt", b"of a worker that died before it could say so")
    first = await shop.pack()
    shop.write("app.txt", b"whole")
    second = await shop.pack()

    assert first.key == second.key
    assert len(shop.stored()) == 1
    assert (await shop.unpack(second.key) / "app.txt").read_bytes() == b"whole"


async def test_artifacts_of_an_app_go_and_those_of_others_stay(shop: Shop) -> None:
    shop.write("app.txt", b"content")
    artifact = await shop.pack()
    await shop.store.remove_all(NUMBER * 10 + 1)
    assert await shop.objects.exists(artifact.key)

    await shop.store.remove_all(NUMBER)
    await shop.store.remove_all(NUMBER)
    assert shop.stored() == []


async def test_release_with_the_same_files_may_go_while_they_are_packed(shop: Shop) -> None:
    content = os.urandom(1024) * 50 * 1024
    shop.write("shared", content)
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            (shop.home / "other").hardlink_to(shop.built / "shared")
            (shop.home / "other").unlink()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        artifact = await shop.pack()
    finally:
        done.set()
        other.join()
    assert (await shop.unpack(artifact.key) / "shared").read_bytes() == content


async def test_size_is_that_of_what_is_stored(shop: Shop) -> None:
    shop.write("file", os.urandom(9_000_000))
    artifact = await shop.pack()
    assert [path.stat().st_size for path in shop.stored()] == [artifact.size_bytes]


async def test_tree_that_cannot_be_read_whole_is_not_stored(shop: Shop) -> None:
    for name in ("file", "other"):
        shop.write(name, os.urandom(9_000_000))
    (shop.built / "file").chmod(0)
    with pytest.raises(ArtifactUnusable, match="file"):
        await shop.pack()
    assert shop.stored() == []


async def test_packing_that_is_cancelled_stores_nothing_and_leaves_no_tar(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("file", os.urandom(9_000_000))
    reached = asyncio.Event()

    async def hang(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(artifacts, "_require_success", hang)
    packing = asyncio.create_task(shop.pack())
    await reached.wait()
    packing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await packing
    assert not [path for path in shop.stored() if path.suffix == ".zst"]


async def test_unpacking_that_is_cancelled_while_tar_hangs_ends_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("file", os.urandom(9_000_000))
    artifact = await shop.pack()
    writing = threading.Event()
    write, tar_spec = artifacts._Bounded.write, artifacts._tar_spec

    def told(bounded: artifacts._Bounded, chunk: bytes) -> int:
        writing.set()
        return write(bounded, chunk)

    def hanging(*arguments: Any) -> SandboxSpec:
        return replace(tar_spec(*arguments), argv=("/bin/sleep", "600"))

    monkeypatch.setattr(artifacts._Bounded, "write", told)
    monkeypatch.setattr(artifacts, "_tar_spec", hanging)
    unpacking = asyncio.create_task(shop.unpack(artifact.key))
    await asyncio.to_thread(writing.wait)
    unpacking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await unpacking
    assert not (shop.home / "release").exists()


async def test_artifact_that_was_damaged_makes_no_release(shop: Shop) -> None:
    shop.write("file", os.urandom(9_000_000))
    artifact = await shop.pack()
    content = bytearray(await shop.objects.get_bytes(artifact.key))
    content[len(content) // 2] ^= 1
    for damaged in (bytes(content), bytes(content[: len(content) // 2]), b"no archive", b""):
        await shop.objects.put_bytes(artifact.key, damaged)
        with pytest.raises(ArtifactUnusable):
            await shop.unpack(artifact.key)
        assert not (shop.home / "release").exists()


async def test_artifact_that_unpacks_to_too_much_makes_no_release(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("file", b"\0" * 20_000_000)
    artifact = await shop.pack()
    assert artifact.size_bytes < 100_000
    monkeypatch.setattr(artifacts, "MAX_UNPACKED_BYTES", 10_000_000)
    with pytest.raises(ArtifactUnusable, match="larger"):
        await shop.unpack(artifact.key)
    assert not (shop.home / "release").exists()


async def test_artifact_that_is_gone_leaves_the_release_that_is_there(shop: Shop) -> None:
    shop.write("file", b"there")
    artifact = await shop.pack()
    tree = await shop.unpack(artifact.key)
    shutil.rmtree(shop.home / "objects")
    with pytest.raises(Exception, match="no stored object"):
        await shop.unpack(artifact.key)
    assert (tree / "file").read_bytes() == b"there"
