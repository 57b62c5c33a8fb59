"""Redirects are followed where they are expected, and never with a credential elsewhere."""

import pytest
from tests.kernel.http.servers import answer, scripted

from autodeploy.kernel.http.addresses import AddressRefused, same_origin
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.redirects import location, open_elsewhere, send_where_moved

GET = Call("GET", "/repos/a/b", query={"page": "1"})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_something_that_moved_within_its_origin_is_found(make_client, status):
    async with scripted(answer(status, location="/repositories/7"), answer(200, 7)) as server:
        account = make_client(server.url).bound(token="tok")
        assert (await send_where_moved(account, GET)).json() == 7
    assert [each.target for each in server.seen] == ["/repos/a/b?page=1", "/repositories/7"]
    assert server.seen[1].headers["authorization"] == "Bearer tok"


@pytest.mark.parametrize("target", ["https://evil.test/x", "http://127.0.0.1:1/", "//evil.test/"])
async def test_something_that_moved_elsewhere_is_not_followed(make_client, target):
    async with scripted(answer(301, location=target)) as server:
        with pytest.raises(ProviderUnavailable, match="another place"):
            await send_where_moved(make_client(server.url).bound(token="tok"), GET)
        assert len(server.seen) == 1


async def test_what_a_service_calls_itself_is_where_it_is_called(make_client):
    target = "https://api.acme.test/repositories/7?x=1"
    async with scripted(answer(301, location=target), answer(200, 7)) as server:
        client = make_client(f"{server.url}/v3", public_url="https://api.acme.test")
        assert (await send_where_moved(client.bound(token="tok"), GET)).json() == 7
    assert server.seen[1].target == "/v3/repositories/7?x=1"


async def test_a_circle_ends(make_client):
    async with scripted(answer(301, location="/again")) as server:
        with pytest.raises(ProviderUnavailable, match="circle"):
            await send_where_moved(make_client(server.url), GET)
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    "target", [None, "file:///etc/passwd", "http://[", "http://x:0/", "ssh://x/"]
)
async def test_a_redirect_to_no_address_is_refused(make_client, target):
    headers = {} if target is None else {"location": target}
    async with scripted(answer(302, **headers)) as server:
        got = await make_client(server.url).send(Call("GET", "/", moved=True))
        with pytest.raises(ProviderUnavailable, match="no address"):
            location(got)


def test_https_does_not_lead_to_http():
    got = Answer("Acme", 302, {"location": "http://x.test/"}, b"", "https://x.test/")
    with pytest.raises(ProviderUnavailable):
        location(got)


async def _download(client, address: str, *, limit: int = 100, private: bool = True) -> bytes:
    async with open_elsewhere(client, address, limit_bytes=limit, allow_private=private) as stream:
        return b"".join([piece async for piece in stream.chunks()])


async def test_what_is_elsewhere_is_read_by_name_without_a_credential(make_client):
    async with scripted(answer(200, b"archive")) as server:
        address = server.url.replace("127.0.0.1", "localhost") + "/x.tar.gz?token=abc"
        assert await _download(make_client(""), address) == b"archive"
    (seen,) = server.seen
    assert seen.target == "/x.tar.gz?token=abc"
    assert seen.headers["host"].startswith("localhost:")
    assert "authorization" not in seen.headers


async def test_the_connection_goes_to_the_address_that_was_checked(make_client, monkeypatch):
    """The name has no address but in the check: asked again, a name server might say another."""

    async def answer_once(host: str, port: int) -> tuple[str, ...]:
        assert host == "archives.test"
        return ("127.0.0.1",)

    monkeypatch.setattr("autodeploy.kernel.http.addresses._resolve", answer_once)
    async with scripted(answer(200, b"archive")) as server:
        address = server.url.replace("127.0.0.1", "user:pw@archives.test")
        assert await _download(make_client(""), address) == b"archive"
    assert server.seen[0].headers["host"].startswith("archives.test:")
    assert "authorization" not in server.seen[0].headers


async def test_an_address_inside_the_network_is_refused_before_it_is_asked(make_client):
    async with scripted(answer(200)) as server:
        with pytest.raises(AddressRefused):
            await _download(make_client(""), f"{server.url}/?token=abc", private=False)
        assert server.seen == []


async def test_a_download_is_bounded_and_has_to_be_there(make_client):
    async with scripted(answer(200, b"x" * 101), answer(404)) as server:
        with pytest.raises(ProviderUnavailable, match="larger than 100"):
            await _download(make_client(""), server.url)
        with pytest.raises(ProviderUnavailable, match="404"):
            await _download(make_client(""), server.url)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.test/x", "https://a.test:443/y?z", True),
        ("http://A.test", "http://a.test:80/", True),
        ("https://a.test", "http://a.test", False),
        ("https://a.test", "https://a.test:444", False),
        ("https://a.test", "https://a.test@b.test", False),
        ("https://a.test", "https://a.test:x", False),
    ],
)
def test_origins(one, other, same):
    assert same_origin(one, other) is same
