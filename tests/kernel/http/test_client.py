"""Calls over real sockets: what is sent, what is refused, what no text shows."""

import asyncio
import socket
import traceback

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.kernel.http.servers import DROP, HANG, answer, scripted

from autodeploy.kernel import telemetry
from autodeploy.kernel.errors import InvalidInput
from autodeploy.kernel.http.calls import Call, Upload
from autodeploy.kernel.http.errors import OutcomeUnknown, ProviderUnavailable
from autodeploy.kernel.http.retries import Patience

SECRET = "tok-0123456789abcdef"


async def test_a_bound_client_sends_its_token_and_query_with_each_call(make_client):
    async with scripted(answer(200, {"a": 1})) as server:
        client = make_client(server.url)
        account = client.bound(token=SECRET, query={"teamId": "team_1"})
        got = await account.send(Call("GET", "/v9/projects/{id}", parts={"id": "a b/c"}))
        assert got.json() == {"a": 1}
        await account.send(Call("GET", "/x", query={"limit": "5"}))
        await client.send(Call("GET", "/x"))
    first, second, plain = server.seen
    assert first.target == "/v9/projects/a%20b%2Fc?teamId=team_1"
    assert first.headers["authorization"] == f"Bearer {SECRET}"
    assert first.headers["user-agent"].startswith("autodeploy/")
    assert second.target == "/x?teamId=team_1&limit=5"
    assert "authorization" not in plain.headers
    assert plain.target == "/x"


async def test_bound_clients_share_connections(make_client):
    async with scripted(answer(200)) as server:
        client = make_client(server.url)
        for token in ("one", "two"):
            await client.bound(token=token).send(Call("GET", "/"))
        pool = client._shared.pool._transport._pool
        assert len(pool.connections) == 1


async def test_a_cookie_of_one_account_is_not_sent_for_another(make_client):
    async with scripted(answer(200, set_cookie="session=one; Path=/")) as server:
        client = make_client(server.url)
        for token in ("one", "two"):
            await client.bound(token=token).send(Call("GET", "/"))
    assert [each for each in server.seen if "cookie" in each.headers] == []


@pytest.mark.parametrize("token", ["", "a b", "a\nX-Evil: 1", "tök"])
async def test_a_token_that_no_header_can_carry_is_refused(make_client, token):
    with pytest.raises(InvalidInput) as raised:
        make_client("http://127.0.0.1:1").bound(token=token)
    assert not token or token not in str(raised.value)


@pytest.mark.parametrize("name", ["..", ".", ""])
async def test_a_part_that_would_lead_elsewhere_is_refused(make_client, name):
    async with scripted(answer(200)) as server:
        client = make_client(server.url)
        with pytest.raises(InvalidInput):
            await client.send(Call("GET", "/repos/{owner}", parts={"owner": name}))
        with pytest.raises(InvalidInput):
            await client.send(Call("GET", "/contents/{path}", parts={"path": f"a/{name}/b"}))
    assert server.seen == []


async def test_a_path_keeps_its_slashes(make_client):
    async with scripted(answer(200)) as server:
        await make_client(server.url).send(
            Call("GET", "/contents/{path}", parts={"path": "src/a b/%2e%2e/ü?#.py"})
        )
    assert server.seen[0].target == "/contents/src/a%20b/%252e%252e/%C3%BC%3F%23.py"


async def test_a_form_json_and_basic_credentials_are_sent(make_client):
    async with scripted(answer(200)) as server:
        client = make_client(server.url)
        await client.send(Call("POST", "/form", form={"a": "b c"}))
        await client.send(Call("POST", "/json", body={"a": [1]}, basic=("me", "pw")))
    form, body = server.seen
    assert (form.headers["content-type"], form.body) == (
        "application/x-www-form-urlencoded",
        b"a=b+c",
    )
    assert (body.headers["content-type"], body.body) == ("application/json", b'{"a":[1]}')
    assert body.headers["authorization"] == "Basic bWU6cHc="


async def test_an_upload_is_streamed_with_its_length_and_made_anew_for_each_attempt(make_client):
    made = 0

    async def chunks():
        nonlocal made
        made += 1
        for _ in range(3):
            yield b"x" * 1000

    async with scripted(answer(503), answer(200)) as server:
        call = Call("POST", "/v2/files", upload=Upload(3000, chunks), safe=True)
        assert (await make_client(server.url).send(call)).status == 200
    assert [each.body for each in server.seen] == [b"x" * 3000] * 2
    assert "transfer-encoding" not in server.seen[0].headers
    assert made == 2


@pytest.mark.parametrize("status", [301, 302, 307, 304])
async def test_a_redirect_is_not_followed(make_client, status):
    async with scripted(answer(status, location="/elsewhere")) as server:
        with pytest.raises(ProviderUnavailable, match="another address"):
            await make_client(server.url).send(Call("GET", "/"))
        assert len(server.seen) == 1


async def test_an_answer_over_its_bound_is_refused(make_client):
    async with scripted(answer(200, b"x" * 2001)) as server:
        client = make_client(server.url)
        with pytest.raises(ProviderUnavailable, match="larger than 2000 bytes"):
            await client.send(Call("GET", "/", limit_bytes=2000))
        assert (await client.send(Call("GET", "/", limit_bytes=2001))).status == 200
        with pytest.raises(OutcomeUnknown, match="larger than"):
            await client.send(Call("POST", "/", limit_bytes=2000))


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_refused_without_being_quoted(make_client, body):
    async with scripted(answer(200, body)) as server:
        got = await make_client(server.url).send(Call("GET", "/"))
        with pytest.raises(ProviderUnavailable, match="not JSON"):
            got.json()


async def test_a_silent_service_is_given_up_within_the_bound(make_client):
    patience = Patience(attempts=1, whole_seconds=0.05)
    async with scripted(HANG) as server:
        with pytest.raises(ProviderUnavailable, match="TimeoutError"):
            await make_client(server.url, patience=patience).send(Call("GET", "/"))


async def test_a_call_that_is_cancelled_leaves_nothing_behind(make_client):
    async with scripted(HANG, answer(200)) as server:
        client = make_client(server.url)
        task = asyncio.create_task(client.send(Call("GET", "/")))
        while not server.seen:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.send(Call("GET", "/"))).status == 200


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def _said(error: BaseException) -> str:
    """All that a log could show of an error: its text, its parts and what it came from."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))


async def test_no_error_and_no_text_shows_a_token_a_query_or_a_body(make_client):
    ends = [DROP, answer(500, {"echo": SECRET}), answer(302, SECRET, location=f"/?t={SECRET}"),
            answer(200, f'"{SECRET}'.encode()), answer(429, {"echo": SECRET}, retry_after="900"),
            b"nonsense " + SECRET.encode() + b"\r\n\r\n",
            b"HTTP/1.1 200 X\r\nbad\x01" + SECRET.encode() + b": a\r\n\r\n"]  # fmt: skip
    for end in ends:
        async with scripted(end) as server:
            account = make_client(server.url).bound(token=SECRET, query={"key": SECRET})
            call = Call("POST", "/x/{id}", parts={"id": SECRET}, body={"v": SECRET},
                        headers={"X-Key": SECRET}, query={"q": SECRET})  # fmt: skip
            with pytest.raises(ProviderUnavailable) as raised:
                (await account.send(call)).json()
            assert SECRET not in _said(raised.value), end
            assert raised.value.__context__ is None, "the library's error may quote a header"
            assert SECRET not in repr(call) + repr(account) + repr(account.service)
    refused = make_client(f"http://127.0.0.1:{_free_port()}").bound(token=SECRET)
    with pytest.raises(ProviderUnavailable) as raised:
        await refused.send(Call("GET", "/", query={"t": SECRET}))
    assert SECRET not in _said(raised.value)


async def test_an_answer_shows_neither_headers_nor_body_nor_address(make_client):
    async with scripted(answer(200, {"token": SECRET}, x_token=SECRET)) as server:
        got = await make_client(server.url).send(Call("GET", "/", query={"t": SECRET}))
    assert SECRET not in repr(got)


async def test_calls_are_counted_and_traced_by_template_without_values(make_client, monkeypatch):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))

    def counted(status: str) -> float:
        labels = {"service": "Acme", "status": status}
        return telemetry.REGISTRY.get_sample_value("autodeploy_provider_calls_total", labels) or 0

    before = counted("404"), counted("none")
    async with scripted(answer(404, {"message": SECRET}), DROP) as server:
        account = make_client(server.url).bound(token=SECRET)
        call = Call("POST", "/x/{id}", parts={"id": SECRET}, query={"q": SECRET})
        await account.send(call)
        with pytest.raises(OutcomeUnknown):
            await account.send(call)
    assert (counted("404"), counted("none")) == (before[0] + 1, before[1] + 1)
    answered, lost = exporter.get_finished_spans()
    assert answered.name == "POST /x/{id}"
    assert dict(answered.attributes) == {
        "peer.service": "Acme",
        "http.request.method": "POST",
        "url.template": "/x/{id}",
        "http.response.status_code": 404,
    }
    assert "http.response.status_code" not in lost.attributes
    assert SECRET not in answered.to_json() + lost.to_json()
