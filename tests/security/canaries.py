"""Canary secrets, and the search for them in whatever a run of the platform leaves behind."""

import base64
import json
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

# Behind the letters and digits of a planted value: what each way of writing text escapes.
_ESCAPED_EVERYWHERE = "/+=\"'<&é\\% ;"


@dataclass(frozen=True)
class Canary:
    """A secret that went through ``door``. ``text`` is what no place may hold; of a planted one
    letters and digits alone, which escaping for URLs, JSON or HTML leaves as they are.

    ``handed_over`` are the names of the finds that are by design, such as the one answer that
    shows a new token.
    """

    door: str
    text: str
    handed_over: frozenset[str] = frozenset()

    @property
    def forms(self) -> frozenset[bytes]:
        return frozenset(_forms(self.text))


@dataclass(frozen=True)
class Piece:
    """A part of a place: a file, a table dump, an answer."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Find:
    door: str
    piece: str
    around: str


class Canaries:
    """All secrets of a run."""

    def __init__(self) -> None:
        self.all: list[Canary] = []

    def plant(self, door: str, *, escaped: bool = True) -> str:
        """A new secret to send in at ``door``; ``escaped`` adds characters that need escaping."""
        text = f"cnry{secrets.token_hex(10)}"
        self.all.append(Canary(door, text))
        return text + _ESCAPED_EVERYWHERE if escaped else text

    def learn(self, door: str, text: str, *handed_over: str) -> str:
        """A secret that the platform or a provider made, and where it may be seen."""
        known = [canary for canary in self.all if canary.text == text]
        before = frozenset[str]().union(*(canary.handed_over for canary in known))
        self.all = [canary for canary in self.all if canary.text != text]
        self.all.append(Canary(door, text, before | frozenset(handed_over)))
        return text

    def find(self, pieces: Collection[Piece], *, raw_alone: bool = False) -> list[Find]:
        """Every secret in these pieces, where it is not by design; in any form, unless the pieces
        are so large that ``raw_alone`` has to be enough."""
        return [
            Find(canary.door, piece.name, _around(piece.content, form))
            for canary in self.all
            for form in ([canary.text.encode()] if raw_alone else canary.forms)
            for piece in pieces
            if form in piece.content and piece.name not in canary.handed_over
        ]


def _around(content: bytes, form: bytes) -> str:
    at = content.find(form)
    nearby = content[max(0, at - 150) : at + len(form) + 50]
    return nearby.replace(b"\0", b"").decode(errors="replace")


def _forms(text: str) -> Iterator[bytes]:
    """How programs write a value: as it is, escaped, in base64 at each alignment, in hex."""
    data = text.encode()
    yield data
    yield data.hex().encode()
    yield data.hex().upper().encode()
    yield quote(text, safe="").encode()
    for mark in ("%{:02X}", "%{:02x}", "\\u{:04x}", "\\x{:02x}"):
        yield "".join(mark.format(byte) for byte in data).encode()
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(json.dumps(text))[3:-3].encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # The characters that the secret alone decides: its neighbours share the others.
            first = -(-offset * 8 // 6)
            yield encode(bytes(offset) + data)[first : (offset + len(data)) * 8 // 6]
