"""The ``Link`` header of a list, beside the ``nextCursor`` of its body."""

from fastapi import Request, Response


def link_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Add ``Link: <…>; rel="next"`` (RFC 8288) when another page follows."""
    if next_cursor is not None:
        url = request.url.include_query_params(cursor=next_cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
