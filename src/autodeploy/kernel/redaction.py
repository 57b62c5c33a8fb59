"""Keeps secret values out of text: build output, logs, error messages.

A redactor knows the values and the forms in which programs print them: raw, base64 at any
alignment, hexadecimal, percent-encoded, and escaped as JSON, HTML, a literal of a program or a
word of a shell; also text in text, such as a body that is printed as part of JSON.
"""

import base64
import html
import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

MARKER = "[redacted]"
MINIMUM_LENGTH = 4

#: What a part of a value must have to be hidden by itself (a line of a key, of wrapped base64).
_MINIMUM_PART = 8

# What the encoders in use leave as it is.
_URL_SAFE_SETS = (
    "",  # RFC 3986
    "/",  # its paths
    " +",  # SQLAlchemy's passwords
    "!'()*",  # encodeURIComponent
    ";,/?:@&=+$!'()*#",  # encodeURI
    "!$%&'()*+,",  # https://url.spec.whatwg.org/#userinfo-percent-encode-set, 2026-11
    "!$%&'()*+,/:;=?@[\\]^`{|}",  # and its query
)

# What gets a backslash in literals of Python, PHP, Ruby and JavaScript, whichever quotes these
# choose, and between double quotes of a shell.
_BACKSLASHED = ("\\", "\\'", '\\"', "\\'\"", '\\"$`')

_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)

_Span = tuple[int, int]


def passwords_in(urls: Iterable[str]) -> set[str]:
    """The passwords inside URLs, which programs print by themselves: as they stand there, and
    decoded. What is no URL has none."""
    found = set()
    for url in urls:
        if "://" not in url:
            continue
        try:
            password = urlsplit(url).password
        except ValueError:
            continue
        if password:
            found |= {password, unquote(password)}
    return found


def without_credentials(text: str) -> str:
    """``text`` with user and password removed from every URL in it, and those whole that are
    none."""

    def strip(match: re.Match[str]) -> str:
        try:
            parts = urlsplit(match.group())
        except ValueError:
            return MARKER
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    return _URL.sub(strip, text)


class Redactor:
    """Replaces secret values in text. ``feed`` and ``flush`` keep the state of one stream; ``line``
    has none. Values of fewer than four characters are not hidden: they would match everywhere."""

    def __init__(self, secrets: Iterable[str]):
        forms = {form for secret in secrets for form in _forms(secret)}
        self._forms = sorted(forms)
        self._hold_limit = max(map(len, forms), default=1) - 1
        starts = "".join(sorted({re.escape(form[0]) for form in forms}))
        self._start = re.compile(f"[{starts}]") if starts else None
        self._held = ""
        self._covered = 0

    def line(self, text: str) -> str:
        """The text without secrets. Use it for text that is complete, such as a whole line."""
        spans = self._spans(text)
        return _masked(text, spans, len(text)) if spans else text

    def feed(self, chunk: str) -> str:
        """The next piece of a stream, in as far as it can be given out.

        Text that may be the beginning of a secret is held back until more comes or ``flush``.
        """
        text = self._held + chunk
        return self._give_out(text, self._cut(text))

    def flush(self) -> str:
        """The end of the stream: what was held back."""
        return self._give_out(self._held, len(self._held))

    def _give_out(self, text: str, cut: int) -> str:
        """``text`` up to ``cut``; the rest is held, with how much of it is known to be secret: a
        secret may reach into it, and its end alone would not be recognised any more."""
        reaching_in = self._covered > 0
        spans = self._spans(text, self._covered)
        result = _masked(text, spans, cut, reaching_in=reaching_in)
        self._held = text[cut:]
        self._covered = 0
        for start, end in spans:
            if end > cut and (start < cut or (reaching_in and start == 0)):
                self._covered = end - cut
        return result

    def _spans(self, text: str, covered: int = 0) -> list[_Span]:
        """Where secrets are, sorted, overlapping ones joined; ``covered`` characters at the
        beginning are known to be the end of one."""
        found = [span for form in self._forms if form in text for span in _occurrences(form, text)]
        if covered:
            found.append((0, covered))
        joined: list[_Span] = []
        for start, end in sorted(found):
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined

    def _cut(self, text: str) -> int:
        """Where the first tail begins that may grow into a secret; the length if none does."""
        if self._start is None:
            return len(text)
        for match in self._start.finditer(text, max(0, len(text) - self._hold_limit)):
            tail = text[match.start() :]
            at = bisect_left(self._forms, tail)
            # A tail that is itself a form sorts before the longer forms that it begins.
            if any(
                len(form) > len(tail) and form.startswith(tail) for form in self._forms[at : at + 2]
            ):
                return match.start()
        return len(text)


def _occurrences(form: str, text: str) -> Iterator[_Span]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)


def _masked(text: str, spans: list[_Span], cut: int, *, reaching_in: bool = False) -> str:
    """``text`` up to ``cut`` with a marker for each span. That of a span which reaches in from the
    text before was given out there."""
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if start >= cut:
            break
        pieces.append(text[at:start])
        if start or not reaching_in:
            pieces.append(MARKER)
        at = min(end, cut)
    pieces.append(text[at:cut])
    return "".join(pieces)


def _forms(secret: str) -> Iterator[str]:
    """Each form of a secret and of each of its lines, since output is mostly seen by line."""
    if len(secret) < MINIMUM_LENGTH:
        return
    lines = [line.strip() for line in secret.splitlines()]
    parts = [line for line in lines if len(line) >= _MINIMUM_PART]
    stripped = secret.strip()
    for value in {secret, stripped, *parts}:
        if len(value) >= MINIMUM_LENGTH:
            for form in _forms_of_value(value):
                if len(form) >= MINIMUM_LENGTH:
                    yield form


def _forms_of_value(value: str) -> Iterator[str]:
    yield value
    data = value.encode("utf-8", "surrogatepass")
    yield data.hex()
    yield data.hex().upper()
    yield from _base64_forms(data)
    yield from _url_forms(data)
    yield from _escaped_forms(value)


def _base64_forms(data: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Only characters that the secret alone decides: the neighbours share the others.
            text = encode(bytes(offset) + data).decode()
            first = -(-offset * 8 // 6)
            yield text[first : (offset + len(data)) * 8 // 6]
        whole = encode(data).decode().rstrip("=")
        for width in (64, 76):  # PEM and MIME break their lines there
            if len(whole) > width:
                pieces = (whole[at : at + width] for at in range(0, len(whole), width))
                yield from (piece for piece in pieces if len(piece) >= _MINIMUM_PART)


def _url_forms(data: bytes) -> Iterator[str]:
    for form in (quote_plus(data), *(quote(data, safe=safe) for safe in _URL_SAFE_SETS)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda match: match.group().lower(), form)


def _escaped_forms(value: str) -> Iterator[str]:
    once = set(_escapes(value))
    yield from once
    for form in once:
        for ascii_only in (True, False):
            yield json.dumps(form, ensure_ascii=ascii_only)[1:-1]
        yield repr(form)[1:-1]


def _escapes(value: str) -> Iterator[str]:
    for ascii_only in (True, False):
        form = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield form
        yield form.replace("/", "\\/")
        # Go's encoder also escapes what is special in HTML.
        yield form.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield repr(value)[1:-1]
    for special in _BACKSLASHED:
        yield re.sub(f"[{re.escape(special)}]", r"\\\g<0>", value)
    yield value.replace("'", "'\\''")
    yield value.replace("'", "'\"'\"'")
