"""Answers that are read as they come."""

import pytest
from tests.kernel.http.servers import answer, scripted

from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.streams import Stream


def _chunked(*pieces: bytes, end: bool = True) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return head + body + (b"0\r\n\r\n" if end else b"")


async def _lines(make_client, sent: bytes) -> list[object]:
    values: list[object] = []
    async with scripted(sent) as server:
        try:
            async with make_client(server.url).open(Call("GET", "/")) as stream:
                assert isinstance(stream, Stream)
                async for value in stream.lines():
                    values.append(value)  # noqa: PERF401 - those before an error count
        except ProviderUnavailable as error:
            values.append(error.message)
    return values


async def test_a_body_comes_in_pieces_up_to_its_bound(make_client):
    async with scripted(answer(200, b"x" * 5000)) as server:
        client = make_client(server.url)
        async with client.open(Call("GET", "/", limit_bytes=5000)) as stream:
            assert sum([len(piece) async for piece in stream.chunks()]) == 5000
        async with client.open(Call("GET", "/", limit_bytes=4999)) as stream:
            with pytest.raises(ProviderUnavailable, match="larger than 4999 bytes"):
                _ = [piece async for piece in stream.chunks()]


async def test_a_body_that_breaks_off_is_an_error(make_client):
    async with (
        scripted(_chunked(b"abc", end=False)) as server,
        make_client(server.url).open(Call("GET", "/")) as stream,
    ):
        with pytest.raises(ProviderUnavailable, match="broke off"):
            _ = [piece async for piece in stream.chunks()]


async def test_a_stream_is_opened_again_until_it_is_answered(make_client):
    async with scripted(answer(503), answer(404, {"message": "no"})) as server:
        async with make_client(server.url).open(Call("GET", "/")) as got:
            assert isinstance(got, Answer)
            assert (got.status, got.json()) == (404, {"message": "no"})
        assert len(server.seen) == 2


async def test_a_stream_is_one_also_where_the_answer_is_known(make_client):
    async with scripted(answer(200, b"x", etag='"v1"')) as server:
        client = make_client(server.url)
        await client.send(Call("GET", "/"))
        async with client.open(Call("GET", "/")) as stream:
            assert isinstance(stream, Stream)
    assert "if-none-match" not in server.seen[1].headers


async def test_a_stream_that_is_left_early_gives_its_connection_back(make_client):
    async with scripted(answer(200, b"x" * 100_000)) as server:
        client = make_client(server.url)
        for _ in range(3):
            async with client.open(Call("GET", "/")) as stream:
                async for _piece in stream.chunks():
                    break
        assert client._shared.pool._transport._pool.connections == []


async def test_lines_of_json_come_one_by_one_wherever_pieces_end(make_client):
    sent = _chunked(b'{"a": 1}\n{"b"', b": 2}\n\n", b'"\xc3', b'\xbc"\n3')
    assert await _lines(make_client, sent) == [{"a": 1}, {"b": 2}, "ü", 3]


async def test_a_line_that_is_no_json_ends_the_stream(make_client):
    first, error = await _lines(make_client, _chunked(b'1\n{"half": '))
    assert first == 1
    assert "not JSON" in str(error)
    assert "half" not in str(error)


async def test_a_line_without_an_end_is_refused(make_client, monkeypatch):
    monkeypatch.setattr("autodeploy.kernel.http.streams._LINE_BYTES", 10)
    (error,) = await _lines(make_client, _chunked(b"1" * 11))
    assert "without an end" in str(error)
