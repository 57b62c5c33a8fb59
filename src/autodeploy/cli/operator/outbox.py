"""Mails that no server sends, shown where the platform was started."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from autodeploy.cli.terminal import printable

_LOOK_SECONDS = 0.5


async def show_mails(folder: Path, tell: Callable[[str], None]) -> NoReturn:
    """Tell each mail that comes into ``folder`` once, and remove it, until cancelled.

    Its links open accounts, so they are shown here alone and kept nowhere.
    """
    while True:
        for path in sorted(folder.glob("[!.]*.eml")):
            with contextlib.suppress(OSError):  # somebody else took it
                content = path.read_bytes()
                path.unlink()
                tell(_as_text(content))
        await asyncio.sleep(_LOOK_SECONDS)


def _as_text(content: bytes) -> str:
    # Imported here: every command would pay for it otherwise.
    from email import message_from_bytes, policy
    from email.message import EmailMessage

    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    text = message.get_content() if message.get_content_type() == "text/plain" else ""
    lines = [f"Mail to {message['To']}: {message['Subject']}", *text.strip().splitlines()]
    return "\n".join(f"  {printable(line)}".rstrip() for line in lines)
