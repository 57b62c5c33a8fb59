"""What the backends of the vault are given, and how they are told apart."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from autodeploy.kernel.vault.errors import VaultError

#: The part of a ciphertext that names its key; PostgreSQL and Python read it alike.
KEY_PATTERN = r"^(v1\.[0-9a-f]+|v1t\.vault:v[0-9]+)"


@dataclass(frozen=True)
class Item:
    """A value to seal or to open: whose it is, the text, and what it is for."""

    subject: str
    text: str = field(repr=False)
    context: str = ""


class Backend(Protocol):
    """Keys of one place. ``version`` begins each of its ciphertexts."""

    version: str

    async def seal(self, items: Sequence[Item]) -> list[str]:
        """The ciphertexts of the items' plain texts, in their order."""

    async def open(self, items: Sequence[Item]) -> list[str | VaultError]:
        """The plain texts of the items' ciphertexts, or why one does not open."""

    async def current_key(self) -> str:
        """How the ciphertexts begin that are sealed now. Raises ``Unavailable`` when none are."""

    async def begin_rotation(self, *, clean: bool) -> bool:
        """Make a new key the current one, unless a rotation is under way; whether it did.

        ``clean`` says that every stored value is under the current key.
        """

    async def close(self) -> None:
        """Let go of connections."""


def key_of(ciphertext: str) -> str | None:
    """The key that a ciphertext names, as ``current_key`` does; None when it is none of ours."""
    found = re.match(KEY_PATTERN, ciphertext)
    return found[0] if found else None


def binding(*parts: str) -> bytes:
    """Associated data that no other parts give: each with its length before it."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def does_not_open() -> VaultError:
    return VaultError(
        "The value does not open: it belongs to another owner or purpose, or it was changed.",
        remedy="Set the value again.",
    )
