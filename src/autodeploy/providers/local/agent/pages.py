"""Plain pages of our own, as handlers in Caddy's configuration."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def plain_page(
    status: int | str, title: str, text: str, headers: Mapping[str, list[str]] | None = None
) -> Json:
    """A handler that answers with a page of one sentence, which nobody keeps."""
    body = (
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><body style='font:16px system-ui;margin:15vh auto;"
        f"max-width:32rem;padding:0 1rem'><h1 style='font-size:1.5rem'>{title}</h1><p>{text}"
    )
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": {
            "Content-Type": ["text/html; charset=utf-8"],
            "Cache-Control": ["no-store"],
            "X-Content-Type-Options": ["nosniff"],
            **(headers or {}),
        },
        "body": body,
    }
