"""Lists that come in pages, in the four styles of the providers.

    async for page in pages(http, Call("GET", "/user/repos"), linked):
        …

A style is a function that tells from a page how the next is asked for: by an address, by values
for the query, or not at all.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

import httpx

from autodeploy.kernel.http.addresses import resolved, same_origin
from autodeploy.kernel.http.answers import Answer
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.errors import ProviderUnavailable
from autodeploy.kernel.http.models import Lenient
from autodeploy.kernel.http.senders import Sender

Next = str | Mapping[str, str] | None
Style = Callable[[Answer], Next]

_MOST_PAGES = 100


class PagesWithoutEnd(ProviderUnavailable):
    """A list whose pages come again, or are more than a hundred: it is not known whether what was
    read is all of it."""


async def pages(http: Sender, first: Call, style: Style) -> AsyncIterator[Answer]:
    """Each page's answer, which the caller has to judge before the next is asked for.

    Raises ``PagesWithoutEnd``, ``ProviderUnavailable`` when a page is of another origin, and what
    ``HttpClient.send`` raises.
    """
    call, seen = first, set()
    for _ in range(_MOST_PAGES):
        answer = await http.send(call)
        yield answer
        following = style(answer)
        if following is None:
            return
        if isinstance(following, str):
            following = http.service.here(following)
            if not same_origin(following, answer.url):
                raise answer.unusable("its next page is at another place")
        mark = following if isinstance(following, str) else tuple(sorted(following.items()))
        if mark in seen:
            raise _without_end(answer, "its pages repeat")
        seen.add(mark)
        if isinstance(following, str):
            call = replace(first, address=following, query={})
        else:
            call = replace(first, query={**first.query, **following})
    raise _without_end(answer, f"it has more than {_MOST_PAGES} pages")


def _without_end(answer: Answer, why: str) -> PagesWithoutEnd:
    error = answer.unusable(why)
    return PagesWithoutEnd(error.message, remedy=error.remedy)


def linked(answer: Answer) -> Next:
    """GitHub: the address of ``Link: <…>; rel="next"``."""
    told = answer.headers.get("link", "").encode("ascii", "ignore").decode()
    links = httpx.Response(200, headers={"Link": told}).links
    target = links.get("next", {}).get("url")
    if target is None:
        return None
    return resolved(answer.url, target) or target


def by_last_cursor(limit: int) -> Style:
    """Render: the cursor of the last item, until a page is shorter than ``limit``."""

    def style(answer: Answer) -> Next:
        items = answer.read(list[_WithCursor])
        if len(items) < limit or not items[-1].cursor:
            return None
        return {"cursor": items[-1].cursor}

    return style


def by_timestamp(parameter: str) -> Style:
    """Vercel: ``pagination.next`` as ``until`` or ``from``, which the endpoint decides. A bare list
    is the only page."""

    def style(answer: Answer) -> Next:
        if isinstance(answer.json(), list):
            return None
        following = answer.read(_WithNext).pagination.next
        return None if following is None else {parameter: _text(following)}

    return style


def by_offset(answer: Answer) -> Next:
    """Supabase: ``pagination`` with ``count``, ``limit`` and ``offset`` of this page."""
    page = answer.read(_WithCount).pagination
    following = page.offset + page.limit
    return {"offset": _text(following)} if page.limit > 0 and following < page.count else None


def _text(number: float | str) -> str:
    """As it is sent in a query: descriptions have any number where whole ones are meant."""
    return f"{number:.0f}" if isinstance(number, float) else str(number)


class _WithCursor(Lenient):
    cursor: str | None = None


class _WithNext(Lenient):
    class Pagination(Lenient):
        next: int | float | str | None = None

    pagination: Pagination


class _WithCount(Lenient):
    class Pagination(Lenient):
        count: float
        limit: float
        offset: float

    pagination: Pagination
