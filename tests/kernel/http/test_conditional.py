"""Answers are asked for again conditionally, by the credential that had them alone."""

import pytest
from tests.kernel.http.servers import answer, scripted

from autodeploy.kernel.http import conditional
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.retries import ONCE

FRESH = answer(200, {"n": 1}, etag='"v1"', x_ratelimit_remaining="9")
SAME = b'HTTP/1.1 304 X\r\netag: "v1"\r\nx-ratelimit-remaining: 8\r\n\r\n'


async def test_an_answer_that_is_the_same_still_comes_from_memory(make_client):
    async with scripted(FRESH, SAME) as server:
        account = make_client(server.url).bound(token="one")
        call = Call("GET", "/", query={"q": "1"})
        await account.send(call)
        again = await account.send(call)
    assert "if-none-match" not in server.seen[0].headers
    assert server.seen[1].headers["if-none-match"] == '"v1"'
    assert (again.status, again.json()) == (200, {"n": 1})
    assert again.headers["x-ratelimit-remaining"] == "8", "the newer headers count"


async def test_what_one_credential_was_answered_is_not_shown_to_another(make_client):
    async with scripted(FRESH) as server:
        client = make_client(server.url)
        await client.bound(token="one").send(Call("GET", "/"))
        await client.bound(token="two").send(Call("GET", "/"))
        await client.send(Call("GET", "/"))
        await client.bound(token="one").send(Call("GET", "/", query={"page": "2"}))
    assert [each for each in server.seen if "if-none-match" in each.headers] == []


async def test_a_newer_answer_takes_the_place_of_the_older(make_client):
    async with scripted(FRESH, answer(200, {"n": 2}, etag='"v2"'), answer(404)) as server:
        client = make_client(server.url)
        for _ in range(4):
            await client.send(Call("GET", "/"))
    assert [each.headers.get("if-none-match") for each in server.seen] == [
        None, '"v1"', '"v2"', None,
    ]  # fmt: skip


async def test_a_refusal_in_between_leaves_what_is_kept(make_client):
    async with scripted(FRESH, answer(500), answer(403), SAME) as server:
        client = make_client(server.url, patience=ONCE)
        await client.send(Call("GET", "/"))
        with pytest.raises(ProviderUnavailable):
            await client.send(Call("GET", "/"))
        assert (await client.send(Call("GET", "/"))).status == 403
        assert (await client.send(Call("GET", "/"))).json() == {"n": 1}


async def test_only_answers_to_get_with_a_validator_are_kept(make_client):
    async with scripted(answer(200, {"n": 1})) as server:
        client = make_client(server.url)
        for _ in range(2):
            await client.send(Call("GET", "/"))
        server.script = [FRESH]
        for _ in range(2):
            await client.send(Call("POST", "/"))
    assert [each for each in server.seen if "if-none-match" in each.headers] == []


async def test_what_never_changes_is_not_kept(make_client):
    async with scripted(FRESH) as server:
        client = make_client(server.url)
        for _ in range(2):
            await client.send(Call("GET", "/git/blobs/1", lasting=True))
        assert not client._shared.remembered._answers
    assert [each for each in server.seen if "if-none-match" in each.headers] == []


def test_what_is_asked_for_in_turn_is_kept_for_some_thousand_addresses():
    remembered = conditional.Remembered()
    kept = Answer("Acme", 200, {"etag": '"v"'}, b"x" * 3000, "")
    keys = [(b"", f"/branches/{number}", "") for number in range(2500)]
    for _ in range(2):
        for key in keys:
            remembered.keep(key, kept)
    assert all(map(remembered.find, keys))


async def test_memory_is_bounded_in_entries_and_bytes(make_client, monkeypatch):
    monkeypatch.setattr(conditional, "_ENTRIES", 2)
    async with scripted(answer(200, b"x" * 100, etag='"v"')) as server:
        client = make_client(server.url)
        kept = client._shared.remembered._answers
        for path in ("/a", "/b", "/a", "/c"):
            await client.send(Call("GET", path))
        assert [key[1].removeprefix(server.url) for key in kept] == ["/a", "/c"]
        monkeypatch.setattr(conditional, "_TOTAL_BYTES", 150)
        await client.send(Call("GET", "/d"))
        assert [key[1].removeprefix(server.url) for key in kept] == ["/d"]
        monkeypatch.setattr(conditional, "_ENTRY_BYTES", 99)
        await client.send(Call("GET", "/d"))
        assert not kept
        assert client._shared.remembered._bytes == 0


async def test_no_token_is_kept(make_client):
    async with scripted(FRESH) as server:
        client = make_client(server.url)
        await client.bound(token="a-secret-token").send(Call("GET", "/"))
    (kept,) = client._shared.remembered._answers
    assert b"a-secret-token" not in kept[0]
