"""Posting to addresses of users: where it connects, what it sends, how much it reads."""

import asyncio

import pytest
from tests.kernel.http.servers import DROP, HANG, answer, scripted

from autodeploy.kernel.http import addresses
from autodeploy.kernel.http.addresses import AddressRefused, HostNotFound
from autodeploy.kernel.http.posting import NotAnswered, Posted, Poster


async def post(url: str, *, allow_private: bool = True, timeout_seconds: float = 5.0) -> Posted:
    poster = Poster(allow_private_addresses=allow_private, timeout_seconds=timeout_seconds)
    try:
        return await poster.post(
            url, service="receiver", body=b"{}", headers={"Content-Type": "application/json"}
        )
    finally:
        await poster.close()


def resolving_to(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    async def resolve(_host: str, _port: int) -> tuple[str, ...]:
        return found

    monkeypatch.setattr(addresses, "_resolve", resolve)


async def test_any_status_is_an_answer() -> None:
    for status in (204, 301, 404, 500):
        async with scripted(answer(status, b"text")) as server:
            assert (await post(server.url)).status == status


async def test_it_connects_to_the_address_that_was_checked_and_names_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving_to(monkeypatch, "127.0.0.1")
    async with scripted(answer(200, b"")) as server:
        port = server.url.rpartition(":")[2]
        await post(f"http://receiver.example:{port}/x?a=b")

    [seen] = server.seen
    assert seen.headers["host"] == f"receiver.example:{port}"
    assert (seen.target, seen.body) == ("/x?a=b", b"{}")


async def test_next_address_is_tried_where_the_first_takes_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    async with scripted(answer(200, b"")) as server:
        port = server.url.rpartition(":")[2]
        assert (await post(f"http://receiver.example:{port}/")).status == 200

    assert len(server.seen) == 1


async def test_one_private_address_of_several_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving_to(monkeypatch, "93.184.215.14", "10.0.0.1")
    with pytest.raises(AddressRefused):
        await post("https://receiver.example/", allow_private=False)


async def test_host_that_is_gone_is_told() -> None:
    with pytest.raises(HostNotFound):
        await post("https://receiver.invalid/")


@pytest.mark.parametrize("script", [DROP, HANG], ids=["closed", "silent"])
async def test_receiver_that_gives_no_answer_is_told_without_its_address(
    script: bytes | None,
) -> None:
    async with scripted(script) as server:
        with pytest.raises(NotAnswered) as failed:
            await post(f"{server.url}/secret", timeout_seconds=0.2)
    assert "secret" not in str(failed.value)
    assert failed.value.__cause__ is None


async def test_answer_that_breaks_off_counts_as_far_as_it_came() -> None:
    head = b"HTTP/1.1 200 X\r\ncontent-length: 100\r\nConnection: close\r\n\r\n"
    async with scripted(head + b"begun") as server:
        posted = await post(server.url)
    assert (posted.status, posted.excerpt) == (200, "begun")


async def test_no_connection_is_kept() -> None:
    poster = Poster(allow_private_addresses=True)
    async with scripted(answer(200, b"")) as server:
        await asyncio.gather(
            *(poster.post(server.url, service="r", body=b"", headers={}) for _ in range(3))
        )
        assert poster._pool._transport._pool.connections == []  # type: ignore[attr-defined]
    await poster.close()
