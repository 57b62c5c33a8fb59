"""The page of the API description: whole, of this origin alone, and without a secret."""

import re

import pytest


def _references(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]+)"', page)


async def test_everything_that_the_page_needs_is_served_by_this_process(client):
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    references = [each for each in _references(page.text) if not each.startswith("data:")]
    assert len(references) >= 4
    for reference in references:
        answer = await client.get(f"/{reference}")
        assert answer.status_code == 200, reference
        kind = "javascript" if reference.endswith(".js") else "css"
        assert kind in answer.headers["content-type"]
        assert answer.content


async def test_the_page_allows_nothing_inline_and_nothing_from_elsewhere(client):
    page = await client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "://" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=", page.text)


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fdocs.html", "__init__.py", ""])
async def test_no_other_file_is_served(client, name: str):
    assert (await client.get(f"/docs/{name}")).status_code == 404
