"""Objects are written whole, created once, and stay inside their store."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.objects import ObjectNotFound, ObjectStore


@pytest.fixture
def store(home):
    return ObjectStore.open(f"file://{home}/objects")


async def test_bytes_come_back(store):
    assert await store.put_bytes("logs/a.txt", b"content")
    assert await store.get_bytes("logs/a.txt") == b"content"
    assert await store.exists("logs/a.txt")


async def test_overwriting_replaces_the_whole_object(store):
    await store.put_bytes("a", b"long content")
    await store.put_bytes("a", b"short")
    assert await store.get_bytes("a") == b"short"


async def test_create_if_absent_keeps_what_is_there(store):
    assert await store.put_bytes("a", b"first", overwrite=False)
    assert not await store.put_bytes("a", b"second", overwrite=False)
    assert await store.get_bytes("a") == b"first"


async def test_exactly_one_of_concurrent_creations_stores(store):
    stored = await asyncio.gather(
        *(store.put_bytes("a", str(n).encode(), overwrite=False) for n in range(20))
    )
    assert stored.count(True) == 1
    assert await store.get_bytes("a") == str(stored.index(True)).encode()


async def test_large_file_comes_back_and_leaves_no_part_behind(store, home):
    source, target = home / "source", home / "out" / "target"
    source.write_bytes(os.urandom(11 * 1024 * 1024))
    target.parent.mkdir()
    assert await store.put_file("uploads/x.tar.gz", source)
    await store.get_file("uploads/x.tar.gz", target)
    assert target.read_bytes() == source.read_bytes()
    assert list(target.parent.iterdir()) == [target]


async def test_file_is_not_stored_again_when_it_is_there(store, home):
    source = home / "source"
    source.write_bytes(b"first")
    assert await store.put_file("a", source, overwrite=False)
    source.write_bytes(b"second")
    assert not await store.put_file("a", source, overwrite=False)
    assert await store.get_bytes("a") == b"first"


async def test_missing_object_is_not_found_and_leaves_no_file(store, home):
    with pytest.raises(ObjectNotFound):
        await store.get_bytes("missing/object")
    (home / "out").mkdir()
    with pytest.raises(ObjectNotFound):
        await store.get_file("missing/object", home / "out" / "x")
    assert list((home / "out").iterdir()) == []
    assert not await store.exists("missing/object")


async def _chunks(sizes, failure=None):
    for size in sizes:
        yield os.urandom(size)
    if failure:
        raise failure


async def test_stream_becomes_one_object(store):
    content = []

    async def chunks():
        async for chunk in _chunks([1, 5_000_000, 9_000_000]):
            content.append(chunk)
            yield chunk

    await store.put_stream("a/stream", chunks())
    assert [chunk async for chunk in store.stream("a/stream")]
    assert await store.get_bytes("a/stream") == b"".join(content)


@pytest.mark.parametrize("sizes", [[], [10], [9_000_000, 9_000_000]])
async def test_stream_that_fails_stores_nothing(store, home, sizes):
    with pytest.raises(ZeroDivisionError):
        await store.put_stream("a/stream", _chunks(sizes, ZeroDivisionError()))
    assert not await store.exists("a/stream")
    assert not [path for path in (home / "objects").rglob("*") if path.is_file()]


async def test_stream_of_a_missing_object_is_not_found(store):
    with pytest.raises(ObjectNotFound):
        await anext(store.stream("missing"))


async def test_deleted_object_is_gone_and_deleting_again_is_no_error(store):
    await store.put_bytes("a/b", b"x")
    await store.delete("a/b")
    await store.delete("a/b")
    assert not await store.exists("a/b")


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "-x", "a\n", "a\0b", ".x"]
)
async def test_key_that_could_leave_the_store_is_refused(store, key):
    for call in (store.get_bytes, store.exists, store.delete):
        with pytest.raises(InvalidInput):
            await call(key)
    with pytest.raises(InvalidInput):
        await store.put_bytes(key, b"x")


def test_folder_with_special_characters_is_made_private(home):
    ObjectStore.open(f"file://{home}/my%20objects")
    assert stat.S_IMODE((home / "my objects").stat().st_mode) == 0o700


async def test_store_opened_again_has_the_objects(store, home):
    await store.put_bytes("a", b"x")
    assert await ObjectStore.open(f"file://{home}/objects").get_bytes("a") == b"x"


@pytest.mark.parametrize("url", ["", "/var/objects", "ftp://x/y", "http://x"])
def test_url_of_another_scheme_is_refused(url):
    with pytest.raises(InvalidInput, match="file://"):
        ObjectStore.open(url)


def test_bucket_url_carries_prefix_endpoint_and_region():
    url = "s3://my-bucket/some/prefix?endpoint=http://127.0.0.1:9&region=eu-central-1"
    text = repr(ObjectStore.open(url)._store)
    assert "my-bucket" in text
    assert "some/prefix" in text


STARVED = """
import asyncio, resource, sys
from autodeploy.kernel.objects import ObjectStore, start_object_threads

async def main():
    store = ObjectStore.open(sys.argv[1])
    await start_object_threads()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        await store.get_bytes("a/b")
    except Exception as error:
        print("Too many open files" in str(error))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(await store.get_bytes("a/b"))

asyncio.run(main())
"""


async def test_store_first_used_without_descriptors_works_when_there_are_some(
    tmp_path: Path,
) -> None:
    url = f"file://{tmp_path}"
    await ObjectStore.open(url).put_bytes("a/b", b"content")
    argv = [sys.executable, "-c", STARVED, url]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "b'content'"], done.stderr[-500:]


async def test_objects_are_listed_below_a_prefix_with_their_size(store):
    for key in ("logs/a/1", "logs/b", "logs-of-others/c"):
        await store.put_bytes(key, key.encode())
    found = {each.key: each.size_bytes async for each in store.list("logs")}
    assert found == {"logs/a/1": 8, "logs/b": 6}
    assert [each async for each in store.list("none")] == []
