"""What was sent to users: read from the outbox, as `up` does."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from autodeploy.kernel.resources import Resources

_LINK = re.compile(r"https://autodeploy\.test/([a-z-]+)#token=(\w+)")


async def mails_to(resources: Resources, address: str) -> list[str]:
    """The text of each mail to ``address``, oldest first, once nothing more is on its way."""
    await resources.mail.flush()
    found = []
    for path in sorted((resources.home / "outbox").glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        assert isinstance(message, EmailMessage)
        if message["To"] == address:
            found.append(str(message.get_content()))
    return found


async def links_to(resources: Resources, address: str, page: str) -> list[str]:
    """The token of each link to ``page`` that was sent to ``address``, oldest first."""
    found = [_LINK.search(text) for text in await mails_to(resources, address)]
    return [link[2] for link in found if link and link[1] == page]
