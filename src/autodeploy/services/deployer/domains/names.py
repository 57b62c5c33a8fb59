"""Host names that people give for their apps, checked and written as the DNS has them."""

import ipaddress
from urllib.parse import urlsplit

import idna

from autodeploy.kernel.errors import InvalidInput

LONGEST = 253
# Names that nobody owns, or that mean this machine (RFC 6761, RFC 8375).
_NOBODYS = ("localhost", "local", "internal", "invalid", "onion", "arpa")


def read_name(given: str, *, public_url: str) -> str:
    """The name in lower case, its labels encoded for the DNS: ``Büro.example`` is
    ``xn--bro-hoa.example``.

    Args:
        public_url: the platform's own address, whose name is nobody else's.

    Raises ``InvalidInput``.
    """
    text = given.strip().removesuffix(".")
    if "*" in text:
        raise _unusable("A wildcard stands for many names.", "Add each name by itself.")
    if _is_address(text):
        raise _unusable("An address is no name.", "Give a name such as shop.example.com.")
    try:
        name = idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        raise _unusable(
            "This is no host name.", "Give a name such as shop.example.com, without a scheme or "
            "a path.",
        ) from None  # fmt: skip
    if "." not in name or len(name) > LONGEST or name.rpartition(".")[2].isdigit():
        raise _unusable("This is no full host name.", "Give a name such as shop.example.com.")
    if name.endswith(tuple(f".{each}" for each in _NOBODYS)):
        raise _unusable("Names like this one are nobody's.", "Give a name that you own.")
    if name == urlsplit(public_url).hostname:
        raise _unusable("The platform itself answers at this name.", "Choose another one.")
    return name


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _unusable(message: str, remedy: str) -> InvalidInput:
    return InvalidInput(message, field="name", remedy=remedy)
