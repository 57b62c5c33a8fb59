"""Lists in pages, in the four styles; each is bounded, and ends where it would repeat."""

import pytest
from tests.kernel.http.servers import answer, scripted

from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.pages import (
    PagesWithoutEnd,
    by_last_cursor,
    by_offset,
    by_timestamp,
    linked,
    pages,
)


def _link(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="next", <https://x.test/last>; rel="last"'}


async def _read(client, call: Call, style) -> list[object]:
    return [page.json() async for page in pages(client, call, style)]


async def test_links_are_followed_as_they_are(make_client):
    async with scripted(answer(200)) as server:
        server.script = [
            answer(200, [1], **_link(f"{server.url}/user/repos?page=2&per_page=1")),
            answer(200, [2], **_link("/repositories/7/x?after=Y%3D%3D&page=3")),
            answer(200, [3]),
        ]
        client = make_client(server.url).bound(token="tok", query={"team": "t"})
        call = Call("GET", "/user/repos", query={"per_page": "1"})
        assert await _read(client, call, linked) == [[1], [2], [3]]
    assert [each.target for each in server.seen] == [
        "/user/repos?team=t&per_page=1",
        "/user/repos?page=2&per_page=1",
        "/repositories/7/x?after=Y%3D%3D&page=3",
    ]
    assert all(each.headers["authorization"] == "Bearer tok" for each in server.seen)


@pytest.mark.parametrize(
    "target",
    ["https://evil.test/", "http://127.0.0.1:1/", "//evil.test/x", "http://[", "ftp://127.0.0.1/"],
)
async def test_a_link_to_another_place_gets_no_token(make_client, target):
    async with scripted(answer(200, [1], **_link(target))) as server:
        with pytest.raises(ProviderUnavailable, match="at another place"):
            await _read(make_client(server.url).bound(token="t"), Call("GET", "/"), linked)
        assert len(server.seen) == 1


async def test_a_link_to_what_a_service_calls_itself_is_read_where_it_is_called(make_client):
    link = _link("https://api.acme.test/user/repos?page=2")
    async with scripted(answer(200, [1], **link), answer(200, [2])) as server:
        client = make_client(server.url, public_url="https://api.acme.test").bound(token="t")
        assert await _read(client, Call("GET", "/user/repos"), linked) == [[1], [2]]
    assert server.seen[1].target == "/user/repos?page=2"


@pytest.mark.parametrize("target", ["http://api.acme.test/", "https://api.acme.test:8443/"])
async def test_a_link_that_is_only_alike_gets_no_token(make_client, target):
    async with scripted(answer(200, [1], **_link(target))) as server:
        client = make_client(server.url, public_url="https://api.acme.test").bound(token="t")
        with pytest.raises(ProviderUnavailable, match="at another place"):
            await _read(client, Call("GET", "/"), linked)
        assert len(server.seen) == 1


async def test_a_link_in_other_letters_leads_to_a_page(make_client):
    async with scripted(answer(200, [1], **_link("/p\u00e9?page=2")), answer(200, [2])) as server:
        assert await _read(make_client(server.url), Call("GET", "/p"), linked) == [[1], [2]]
    assert server.seen[1].target == "/p?page=2"


@pytest.mark.parametrize("path", [f"/{'x' * 70_000}", "/\x01"])
async def test_what_cannot_be_an_address_is_not_called(make_client, path):
    async with scripted(answer(200, [1])) as server:
        with pytest.raises(ProviderUnavailable, match="part of an address"):
            await make_client(server.url).send(Call("GET", "/", address=f"{server.url}{path}"))
    assert server.seen == []


async def test_the_cursor_of_the_last_item_is_sent_until_a_page_is_short(make_client):
    full = answer(200, [{"owner": {}, "cursor": "a"}, {"owner": {}, "cursor": "b"}])
    async with scripted(full, answer(200, [{"cursor": "c"}])) as server:
        call = Call("GET", "/owners", query={"limit": "2"})
        assert len(await _read(make_client(server.url), call, by_last_cursor(2))) == 2
    assert [each.target for each in server.seen] == ["/owners?limit=2", "/owners?limit=2&cursor=b"]


async def test_an_empty_page_ends_a_list_by_cursor(make_client):
    async with scripted(answer(200, [])) as server:
        assert await _read(make_client(server.url), Call("GET", "/"), by_last_cursor(1)) == [[]]


async def test_the_timestamp_of_a_page_is_sent_until_there_is_none(make_client):
    more = answer(200, {"projects": [1], "pagination": {"count": 1, "next": 1541, "prev": None}})
    last = answer(200, {"projects": [2], "pagination": {"count": 1, "next": None, "prev": 1}})
    async with scripted(more, last) as server:
        got = await _read(make_client(server.url), Call("GET", "/p"), by_timestamp("until"))
        assert len(got) == 2
    assert [each.target for each in server.seen] == ["/p", "/p?until=1541"]


async def test_a_bare_list_is_the_only_page_by_timestamp(make_client):
    async with scripted(answer(200, [1, 2])) as server:
        got = await _read(make_client(server.url), Call("GET", "/"), by_timestamp("until"))
    assert got == [[1, 2]]


async def test_the_offset_is_sent_until_the_count_is_reached(make_client):
    def page(offset: int) -> bytes:
        return answer(200, {"pagination": {"count": 5, "limit": 2, "offset": offset}})

    async with scripted(page(0), page(2), page(4)) as server:
        assert len(await _read(make_client(server.url), Call("GET", "/p"), by_offset)) == 3
    assert [each.target for each in server.seen] == ["/p", "/p?offset=2", "/p?offset=4"]


@pytest.mark.parametrize(("told", "sent"), [(1541.0, "1541"), (1541.4, "1541"), ("a/b", "a%2Fb")])
async def test_where_a_page_goes_on_may_be_any_number_or_text(make_client, told, sent):
    more = answer(200, {"pagination": {"next": told}})
    async with scripted(more, answer(200, {"pagination": {"next": None}})) as server:
        await _read(make_client(server.url), Call("GET", "/p"), by_timestamp("until"))
    assert server.seen[1].target == f"/p?until={sent}"


async def test_an_offset_may_be_any_number(make_client):
    def page(offset: float) -> bytes:
        return answer(200, {"pagination": {"count": 3.0, "limit": 2.0, "offset": offset}})

    async with scripted(page(0.0), page(2.0)) as server:
        assert len(await _read(make_client(server.url), Call("GET", "/p"), by_offset)) == 2
    assert server.seen[1].target == "/p?offset=2"


async def test_a_cursor_that_repeats_ends_in_an_error(make_client):
    async with scripted(answer(200, [{"cursor": "a"}])) as server:
        with pytest.raises(PagesWithoutEnd, match="repeat"):
            await _read(make_client(server.url), Call("GET", "/"), by_last_cursor(1))
        assert len(server.seen) == 2


async def test_the_number_of_pages_is_bounded(make_client, monkeypatch):
    monkeypatch.setattr("autodeploy.kernel.http.pages._MOST_PAGES", 3)
    async with scripted(answer(200)) as server:
        server.script = [answer(200, [n], **_link(f"/?page={n}")) for n in range(2, 9)]
        with pytest.raises(PagesWithoutEnd, match="more than 3 pages"):
            await _read(make_client(server.url), Call("GET", "/"), linked)
        assert len(server.seen) == 3


@pytest.mark.parametrize("style", [by_last_cursor(1), by_timestamp("until"), by_offset])
async def test_a_page_of_another_form_is_refused(make_client, style):
    async with scripted(answer(200, {"pagination": 7})) as server:
        with pytest.raises(ProviderUnavailable):
            await _read(make_client(server.url), Call("GET", "/"), style)
