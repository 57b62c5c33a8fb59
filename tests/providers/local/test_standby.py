"""Artifacts that stand by, unpacked, to become releases."""

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from autodeploy.kernel.objects import ObjectStore
from autodeploy.kernel.sandbox import Sandbox
from autodeploy.providers.local.artifact import MAX_UNPACKED_BYTES, ArtifactStore
from autodeploy.providers.local.layout import Layout, ensure_app_folder
from autodeploy.providers.local.standby import Standby

NUMBER = 7


class Shop:
    """Artifacts of one app, each with a text, and what stands by."""

    def __init__(self, home: Path):
        self.home = home
        self.layout = Layout(home)
        self.layout.ensure_folders()
        self.artifacts = ArtifactStore(ObjectStore.open(f"file://{home}/objects"), Sandbox.open())
        self.standby = Standby(self.layout, self.artifacts)

    async def artifact(self, text: str) -> str:
        built = ensure_app_folder(self.home / f"built-{text}", NUMBER)
        manifest = ensure_app_folder(self.home / f"manifest-{text}", NUMBER) / "release.json"
        for path, content in ((built / "text", text), (manifest, "{}")):
            path.write_text(content)
            shutil.chown(path, *(2 * [built.stat().st_uid]))
        return (await self.artifacts.pack(built, manifest, NUMBER, uuid4())).key

    def take(self, key: str, name: str, *, public: bool = False) -> str | None:
        """The text of the release that was made, if it stood by."""
        target = self.home / "releases" / name
        taken = self.standby.take(key, target, NUMBER, public=public)
        return (target / "app/text").read_text() if taken else None

    def waiting(self) -> list[Path]:
        return list(self.layout.standby(NUMBER).iterdir())


@pytest.fixture
def shop(home: Path) -> Shop:
    return Shop(home)


async def test_what_stands_by_becomes_one_release(shop: Shop) -> None:
    key = await shop.artifact("one")
    assert shop.take(key, "early") is None
    await shop.standby.make({key: False}, NUMBER)
    assert (shop.take(key, "first"), shop.take(key, "second")) == ("one", None)
    assert shop.waiting() == []


async def test_what_stands_by_is_not_unpacked_again(shop: Shop) -> None:
    key = await shop.artifact("one")
    await shop.standby.make({key: False}, NUMBER)
    shutil.rmtree(shop.home / "objects")
    await shop.standby.make({key: False}, NUMBER)
    assert shop.take(key, "first") == "one"


async def test_only_the_last_stand_by(shop: Shop) -> None:
    one, two, three = [await shop.artifact(text) for text in ("one", "two", "three")]
    for wanted in ((one, two), (two, three)):
        await shop.standby.make(dict.fromkeys(wanted, False), NUMBER)
    assert len(shop.waiting()) == 2
    taken = [shop.take(key, name) for name, key in (("1", one), ("2", two), ("3", three))]
    assert taken == [None, "two", "three"]


async def test_of_nothing_no_folder_is_left(shop: Shop) -> None:
    await shop.standby.make({await shop.artifact("one"): False}, NUMBER)
    await shop.standby.make({}, NUMBER)
    assert not shop.layout.standby(NUMBER).exists()


async def test_tree_that_the_proxy_may_not_read_becomes_no_static_site(shop: Shop) -> None:
    key = await shop.artifact("one")
    await shop.standby.make({key: False}, NUMBER)
    assert shop.take(key, "site", public=True) is None


async def test_release_that_is_there_is_not_replaced(shop: Shop) -> None:
    key = await shop.artifact("one")
    await shop.standby.make({key: False}, NUMBER)
    (shop.home / "releases/there/app").mkdir(parents=True)
    assert shop.take(key, "there") is None
    assert shop.take(key, "first") == "one"


async def test_several_at_once_leave_one_whole_tree(shop: Shop) -> None:
    key = await shop.artifact("one")
    makes = [shop.standby.make({key: False}, NUMBER) for _ in range(4)]
    await asyncio.gather(*makes, return_exceptions=True)
    await shop.standby.make({key: False}, NUMBER)
    assert len(shop.waiting()) == 1
    assert shop.take(key, "first") == "one"


async def test_nothing_stands_by_where_it_could_fill_the_disk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=MAX_UNPACKED_BYTES)
    monkeypatch.setattr("autodeploy.providers.local.standby.shutil.disk_usage", lambda _: free)
    key = await shop.artifact("one")
    await shop.standby.make({key: False}, NUMBER)
    assert shop.waiting() == []
