"""Reads of environment variables in JavaScript and TypeScript, by a tokenizer.

Comments, strings, templates and regular expressions are recognised, so that a name that only
occurs in one of them does not count; code inside ``${…}`` of a template does.
"""

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from autodeploy.services.analyzer.variables.reads import Read

# A file without any of these reads no variable; tokenizing is what costs.
MARKS = ("process.env", "import.meta.env", "process?.env", "Bun.env")

# What Vite and the like define themselves: https://vite.dev/guide/env-and-mode (2026-11).
_BUILT_IN = frozenset({"MODE", "BASE_URL", "PROD", "DEV", "SSR"})

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*|/\*.*?(?:\*/|\Z))
      |(?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
      |(?P<name>[A-Za-z_$][\w$]*)
      |(?P<number>\d[\w.]*)
      |(?P<sign>\?\?=|\|\|=|===|!==|\?\.|\?\?|\|\||&&|==|!=|=>|.)""",
    re.X | re.S,
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_REGEX = frozenset("(,=:[!&|?{};+-*%<>~^") | {
    "return", "typeof", "case", "in", "of", "=>", "&&", "||", "??", "===", "!==", "==", "!=",
}  # fmt: skip
_LONG_LINE = re.compile(r"[^\n]{2001,}")  # nobody wrote it, and it makes patterns slow


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int


def find_reads(text: str, file: str) -> list[Read]:
    """All reads in a file; of .vue, .svelte and .astro files in their scripts."""
    if not any(mark in text for mark in MARKS):
        return []
    text = _LONG_LINE.sub("", text)
    if file.endswith((".vue", ".svelte", ".astro")):
        # What is left out is blanked, so that positions stay those of the file.
        text = _blank_outside(text, list(_scripts(text)))
    tokens = tokenize(text)
    lines = _LineNumbers(text)
    reads = []
    for index, token in enumerate(tokens):
        if token.kind == "name" and token.text == "env":
            reads.extend(_reads_at(tokens, index, file, lines))
    return reads


def tokenize(text: str) -> list[Token]:
    """The tokens of a file without comments. Broken code gives some tokens, never an error."""
    tokens: list[Token] = []
    templates: list[int] = []  # for each open ${, how many { are open inside it
    position = 0
    while position < len(text):
        sign = text[position]
        if sign == "`" or (sign == "}" and templates and templates[-1] == 0):
            if sign == "}":
                templates.pop()
            position, opens = _template_end(text, position + 1)
            tokens.append(Token("string", "``", position))
            if opens:
                templates.append(0)
            continue
        found = _regex_at(text, position, tokens) or _TOKEN.match(text, position)
        if found is None:
            return tokens
        if templates and sign in "{}":
            templates[-1] += 1 if sign == "{" else -1
        kind = found.lastgroup or "string"
        if kind != "space":
            tokens.append(Token(kind, found.group(), position))
        position = found.end()
    return tokens


def _template_end(text: str, position: int) -> tuple[int, bool]:
    """Where the text part of a template ends, and whether code (``${``) begins there."""
    while position < len(text):
        sign = text[position]
        if sign == "\\":
            position += 2
            continue
        if sign == "`":
            return position + 1, False
        if sign == "$" and text.startswith("${", position):
            return position + 2, True
        position += 1
    return position, False


def _regex_at(text: str, position: int, tokens: list[Token]) -> re.Match[str] | None:
    if text[position] != "/" or (tokens and tokens[-1].text not in _BEFORE_REGEX):
        return None
    return _REGEX.match(text, position)


def _scripts(text: str) -> Iterator[tuple[int, int]]:
    """Where the script elements of a component are, and the code fence that Astro begins with."""
    position = 0
    if text.startswith("---\n") and (end := text.find("\n---", 3)) > 0:
        yield 4, end
        position = end
    while (tag := text.find("<script", position)) >= 0:
        start, position = text.find(">", tag) + 1, text.find("</script", tag)
        if start == 0 or position < 0:
            return
        yield start, position


def _blank_outside(text: str, kept: list[tuple[int, int]]) -> str:
    parts, position = [], 0
    for start, end in kept:
        parts.append(re.sub(r"[^\n]", " ", text[position:start]))
        parts.append(text[start:end])
        position = end
    return "".join(parts)


class _LineNumbers:
    def __init__(self, text: str):
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def of(self, position: int) -> int:
        return bisect(self._ends, position - 1) + 1


def _reads_at(tokens: list[Token], index: int, file: str, lines: _LineNumbers) -> list[Read]:
    """The reads whose ``env`` is the token at ``index``, if it is the environment at all."""
    start, build_time = _environment_start(tokens, index)
    if start is None:
        return []
    after = _texts(tokens, index + 1, 3)
    key, end = None, index + 1
    if after[:1] in (["."], ["?."]) and tokens[index + 2 : index + 3]:
        if tokens[index + 2].kind == "name":
            key, end = tokens[index + 2].text, index + 3
        elif after[1] == "[":
            key, end = _subscript(tokens, index + 2)
    elif after[:1] == ["["]:
        key, end = _subscript(tokens, index + 1)
    else:
        return _destructured(tokens, start, file, lines, build_time)
    if key is None or not _is_key(key) or (build_time and key in _BUILT_IN):
        return []
    following = _texts(tokens, end, 2)
    if following[:1] == ["="] or _texts(tokens, start - 1, 1) == ["delete"]:
        return []  # set or removed, not read
    default = _default(tokens, end)
    return [
        Read(
            key,
            file,
            lines.of(tokens[index].at),
            required=_is_demanded(tokens, start, end),
            default=default,
            has_default=following[:1] in (["||"], ["??"], ["||="], ["??="]),
            build_time=build_time,
        )
    ]


def _environment_start(tokens: list[Token], index: int) -> tuple[int | None, bool]:
    """Where ``process.env`` (False) or ``import.meta.env`` (True) begins, else None."""
    before = _texts(tokens, index - 4, 4) if index >= 4 else _texts(tokens, 0, index)
    if before[-2:] in (["process", "."], ["process", "?."], ["Bun", "."]):
        return index - 2, False
    if before[-4:] in (["import", ".", "meta", "."], ["import", ".", "meta", "?."]):
        return index - 4, True
    return None, False


def _texts(tokens: list[Token], start: int, count: int) -> list[str]:
    return [token.text for token in tokens[max(start, 0) : start + count]]


def _subscript(tokens: list[Token], index: int) -> tuple[str | None, int]:
    inside = tokens[index + 1 : index + 3]
    if len(inside) == 2 and inside[0].kind == "string" and inside[1].text == "]":
        return inside[0].text[1:-1], index + 3
    return None, index + 1


def _is_key(key: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) is not None


def _default(tokens: list[Token], end: int) -> str | None:
    following = tokens[end : end + 2]
    if len(following) < 2 or following[0].text not in ("||", "??", "||=", "??="):
        return None
    value = following[1]
    if value.kind == "string" and value.text != "``":
        return value.text[1:-1]
    return value.text if value.kind == "number" or value.text in ("true", "false") else None


def _is_demanded(tokens: list[Token], start: int, end: int) -> bool:
    """Whether the code insists: ``x!``, or ``if (!x) throw`` or exit."""
    following = _texts(tokens, end, 12)
    if following[:1] == ["!"] and following[1:2] != ["="]:
        return True
    negated = start > 0 and tokens[start - 1].text == "!"
    exits = "throw" in following or ("process" in following and "exit" in following)
    return negated and following[:1] == [")"] and exits


def _destructured(
    tokens: list[Token], start: int, file: str, lines: _LineNumbers, build_time: bool
) -> list[Read]:
    """The names of ``const { A, B: b, C = "d" } = process.env``."""
    if start < 2 or _texts(tokens, start - 2, 2) != ["}", "="]:
        return []
    opening = start - 2
    while opening >= 0 and tokens[opening].text != "{" and start - opening < 400:
        opening -= 1
    reads, expects_key = [], True
    for index in range(opening + 1, start - 2):
        token = tokens[index]
        if token.text == ",":
            expects_key = True
        elif expects_key:
            expects_key = False
            if token.kind == "name" and _is_key(token.text) and token.text not in _BUILT_IN:
                has_default = "=" in _texts(tokens, index + 1, 1) + _texts(tokens, index + 3, 1)
                reads.append(Read(token.text, file, lines.of(token.at), has_default=has_default,
                                  build_time=build_time))  # fmt: skip
    return reads
