"""Secrets do not survive in any form, however the text is cut."""

import base64
import html
import itertools
import json
import re
import shlex
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodeploy.kernel.redaction import MARKER, Redactor

# Values that are part of the marker, or that it completes, cannot be told from it.
_values = st.text(string.ascii_uppercase + string.digits + '+/="\\&<>%é\n ', min_size=4).filter(
    lambda value: len(value.strip()) >= 4
)
_noise = st.text(string.ascii_lowercase + " \n", max_size=20)


def _javascript_url(value: str) -> str:
    return quote(value, safe="!'()*")


_forms = st.sampled_from(
    [
        str,
        lambda value: quote(value, safe=""),
        quote_plus,
        lambda value: re.sub("%..", lambda match: match.group().lower(), quote_plus(value)),
        _javascript_url,
        lambda value: json.dumps(value)[1:-1],
        lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
        lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
        lambda value: json.dumps(json.dumps({"key": [value]})),
        lambda value: json.dumps(repr({"key": value})),
        repr,
        shlex.quote,
        html.escape,
        lambda value: value.encode().hex(),
    ]
)


def _stream(redactor: Redactor, text: str, cuts: list[int]) -> str:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    return "".join(redactor.feed(piece) for piece in pieces) + redactor.flush()


@settings(deadline=None)
@given(_values, _forms, _noise, _noise, st.lists(st.integers(0, 10_000), max_size=12))
def test_secret_in_any_form_cut_anywhere_does_not_survive(secret, form, before, after, cuts):
    printed = form(secret)
    streamed = _stream(Redactor([secret]), before + printed + after, cuts)
    assert printed not in streamed
    assert MARKER in streamed
    assert streamed.startswith(before)
    assert streamed.endswith(after)


@settings(deadline=None)
@given(_values, st.binary(max_size=8), st.binary(max_size=8), st.booleans(), st.data())
def test_base64_of_text_around_secret_shows_nothing_of_it(secret, before, after, urlsafe, data):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    raw = before + secret.encode() + after
    cuts = data.draw(st.lists(st.integers(0, 10_000), max_size=8))
    streamed = _stream(Redactor([secret]), encode(raw).decode(), cuts)
    shown = streamed.replace(MARKER, "")
    # One character on each side carries bits of the neighbours, and the padding is no secret.
    assert len(shown.rstrip("=")) <= -(-len(before) * 8 // 6) + -(-len(after) * 8 // 6) + 2


@settings(deadline=None)
@given(
    st.lists(_values, min_size=1, max_size=4), _noise, st.lists(st.integers(0, 999), max_size=20)
)
def test_stream_gives_the_same_text_as_a_whole_line(secrets, noise, cuts):
    text = noise.join(secrets) + noise + "".join(secrets)
    assert _stream(Redactor(secrets), text, cuts) == Redactor(secrets).line(text)


@settings(deadline=None)
@given(st.text(string.ascii_lowercase + " \n"), st.lists(st.integers(0, 999), max_size=20))
def test_text_without_secrets_is_unchanged(text, cuts):
    assert _stream(Redactor(["SECRET-VALUE", "SECRET-OTHER"]), text, cuts) == text


def test_overlapping_secrets_leave_no_fragment():
    assert Redactor(["abcdef", "defghi"]).line("x abcdefghi y") == f"x {MARKER} y"


def test_secret_that_another_one_continues_is_hidden_whole_in_a_stream():
    redactor = Redactor(["abcdef", "abcdefghi"])
    assert redactor.feed("x abcdef") + redactor.feed("ghi y") == f"x {MARKER} y"


@pytest.mark.parametrize(
    "printed", ["pa%2fss%2bw0rd", "pa%2Fss%2Bw0rd", "pa/ss%2Bw0rd", "pa%2Fss+w0rd"]
)
def test_percent_encoding_in_either_case_and_extent_is_hidden(printed):
    assert Redactor(["pa/ss+w0rd"]).line(f"?key={printed}&x") == f"?key={MARKER}&x"


def test_repetitive_secret_in_many_chunks_is_not_held_for_ever():
    redactor = Redactor(["aaaa"])
    held = [len(redactor.feed("a")) for _ in range(200)]
    assert sum(held) == len(MARKER)
    assert redactor.feed("ab") == "b"


def test_end_of_secret_that_begins_another_is_not_shown():
    redactor = Redactor(["topsecret-cd", "cdefgh"])
    out = (
        redactor.feed("a topsecret-cd") + redactor.feed("") + redactor.feed("xx") + redactor.flush()
    )
    assert out == f"a {MARKER}xx"


def test_text_that_cannot_begin_a_secret_is_given_out_at_once():
    redactor = Redactor(["s3cr3t-value"])
    assert redactor.feed("compiled 3 files\n") == "compiled 3 files\n"


def test_each_line_of_a_multiline_secret_is_hidden_by_itself():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----\n"
    redactor = Redactor([key])
    assert redactor.line("9w0BAQEFAASCBKcwggSj") == MARKER
    assert redactor.line(f"key={key}") == f"key={MARKER}"


@pytest.mark.parametrize("width", [64, 76])
def test_wrapped_base64_of_long_secret_is_hidden_by_line(width):
    secret = "".join(chr(33 + n % 90) for n in range(150))
    text = base64.b64encode(secret.encode()).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    assert [Redactor([secret]).line(line).replace("=", "") for line in lines] == [MARKER] * len(
        lines
    )


@pytest.mark.parametrize("secret", ["", "a", "abc"])
def test_value_under_four_characters_is_ignored(secret):
    assert Redactor([secret]).line("abc a b c") == "abc a b c"


def test_no_secrets_changes_nothing():
    redactor = Redactor([])
    assert redactor.feed("text") + redactor.flush() == "text"


def test_two_thousand_lines_take_less_than_a_second():
    secrets = [f"value-{n}-{'x' * 30}/+{n * 7919}" for n in range(20)]
    secrets.append("\n".join("k" * 64 for _ in range(30)))
    redactor = Redactor(secrets)
    line = "[12:00:00.000] value of module src/components/pages/index.tsx transformed in 12 ms " * 2
    started = time.process_time()
    for _ in range(2000):
        redactor.line(line)
    assert time.process_time() - started < 0.5
    started = time.process_time()
    for _ in range(2000):
        redactor.feed(line + "\n")
    assert time.process_time() - started < 1
