"""Consent pages, and a browser that walks through them as a person would."""

import html
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx


def consent_page(action: str, fields: dict[str, str], who: str) -> str:
    """A page that asks ``who`` for consent, with a button to allow and one to cancel."""
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f"<!doctype html><title>Authorize</title><p>Signed in as {html.escape(who)}</p>"
        f'<form method="post" action="{html.escape(action)}">{inputs}'
        '<button name="decision" value="allow">Authorize</button>'
        '<button name="decision" value="deny">Cancel</button></form>'
    )


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values["action"]
        elif tag == "input":
            self.fields[values["name"]] = values["value"]


async def consent(url: str, decision: str = "allow") -> tuple[str, dict[str, str]]:
    """Open the consent page at ``url``, press a button, and stop where it sends the browser.

    Returns the address, without its query, and the query.
    """
    async with httpx.AsyncClient() as browser:
        page = await browser.get(url)
        assert page.status_code == 200, page.text
        form = _Form()
        form.feed(page.text)
        answer = await browser.post(
            urljoin(str(page.url), form.action), data={**form.fields, "decision": decision}
        )
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.scheme}://{back.netloc}{back.path}", dict(parse_qsl(back.query))
