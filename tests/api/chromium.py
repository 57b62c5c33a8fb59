"""A real browser, driven over its DevTools protocol: for the few pages that have scripts."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 30.0


class Page:
    """One tab."""

    def __init__(self, socket: websockets.ClientConnection):
        self._socket = socket
        self._ids = itertools.count(1)

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            if message.get("id") == number:
                return message

    async def open(self, url: str) -> None:
        await self._send("Page.navigate", url=url)

    async def evaluate(self, script: str) -> Any:
        """The value of an expression; None while the page is on its way to another."""
        answer = await self._send("Runtime.evaluate", expression=script, returnByValue=True)
        return answer.get("result", {}).get("result", {}).get("value")

    async def until(self, script: str) -> None:
        """Wait for an expression to become true."""
        async with asyncio.timeout(_SECONDS):
            while not await self.evaluate(script):
                await asyncio.sleep(0.05)

    async def see(self, text: str) -> None:
        """Wait for a text to be shown."""
        await self.until(f"document.body?.innerText.includes({json.dumps(text)})")

    async def fill(self, selector: str, value: str) -> None:
        await self.until(f"!!document.querySelector({json.dumps(selector)})")
        await self.evaluate(
            f"document.querySelector({json.dumps(selector)}).value = {json.dumps(value)}"
        )

    async def press(self, selector: str) -> None:
        """Click on what can be seen."""
        await self.until(f"!!document.querySelector({json.dumps(selector)})?.offsetParent")
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")


_PROGRAM = next((found for name in _NAMES if (found := shutil.which(name))), None)

#: For tests that begin something before they open a browser, which would wait for it in vain.
needs_chromium = pytest.mark.skipif(_PROGRAM is None, reason="no Chromium on this machine")


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Page]:
    """A browser without a window whose profile is ``folder``; skips where none is installed."""
    if _PROGRAM is None:
        pytest.skip("no Chromium on this machine")
    process = await asyncio.create_subprocess_exec(
        _PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-proxy-server", "--remote-debugging-port=0", f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with httpx.AsyncClient() as client:
            targets = (await client.get(f"http://127.0.0.1:{port}/json")).json()
        address = next(each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page")
        async with websockets.connect(address, max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        process.kill()
        await process.wait()


async def _port(file: Path) -> str:
    async with asyncio.timeout(_SECONDS):
        while not (file.exists() and file.read_text()):
            await asyncio.sleep(0.05)
    return file.read_text().splitlines()[0]
