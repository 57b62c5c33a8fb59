"""Syntax trees of source code, by tree-sitter and the grammars that are installed with it.

Nothing is fetched: every grammar is a wheel of its own. Broken code gives the tree of what is
left of it, and hostile code none: the grammars of C++, C#, Kotlin and others take exponential
time and memory on some texts that no person wrote, so that size, nesting and time are bounded.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pkgutil import resolve_name
from typing import Literal

from tree_sitter import Language, Node, Parser, Query, QueryCursor

Grammar = Literal[
    "bash", "c_sharp", "cpp", "elixir", "go", "java", "javascript", "kotlin", "php", "python",
    "ruby", "rust", "scala", "swift", "tsx", "typescript",
]  # fmt: skip
Captures = dict[str, list[Node]]

MOST_CHARACTERS = 512 * 1024
MOST_SECONDS = 0.5
# Deeper brackets, more unclosed ones or a longer line were not written by hand.
MOST_NESTING = 250
# Anchored: tried at every character, it would take the square of the length of a line.
_LONG_LINE = re.compile(r"^[^\n]{4001,}", re.M)

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=math.inf)
_CHUNK_BYTES = 4 * 1024
_MOST_STATES = 4_096
_MOST_PLACES = 100
# Where a grammar is not simply the `language` of a package of its name.
_SOURCES = {
    "php": "tree_sitter_php:language_php",
    "tsx": "tree_sitter_typescript:language_tsx",
    "typescript": "tree_sitter_typescript:language_typescript",
}


@contextmanager
def time_limit(seconds: float) -> Iterator[Callable[[], bool]]:
    """Bounds the time of all parsing inside the block together.

    Gives what tells whether it is over: from then on no text is parsed.
    """
    deadline = time.monotonic() + seconds
    token = _DEADLINE.set(deadline)
    try:
        yield lambda: time.monotonic() > deadline
    finally:
        _DEADLINE.reset(token)


def parse(text: str, grammar: Grammar) -> Node | None:
    """The root of the syntax tree, or None for a text that is beyond the limits."""
    deadline = min(_DEADLINE.get(), time.monotonic() + MOST_SECONDS)
    if len(text) > MOST_CHARACTERS or time.monotonic() > deadline or _is_tangled(text):
        return None
    # A line that is left out becomes an empty one: line numbers stay those of the file.
    content = _LONG_LINE.sub("", text).encode("utf-8", "replace")
    parser = Parser(_language(grammar))
    try:
        tree = parser.parse(
            lambda offset, _point: content[offset : offset + _CHUNK_BYTES],
            progress_callback=lambda _offset, _has_error: time.monotonic() > deadline,
        )
    except ValueError:  # this is how a parser says that it was stopped
        return None
    if tree.root_node.has_error:
        return tree.root_node
    # Nothing is parsed again of a whole tree, but its nodes then know their text: thirty times
    # quicker than asking a function for it.
    return parser.parse(content, tree).root_node


def matches(node: Node, grammar: Grammar, query: str) -> Iterator[tuple[int, Captures]]:
    """What a query finds below a node: the number of its pattern, and nodes by capture name.

    Raises ``tree_sitter.QueryError`` for a query that does not fit the grammar.
    """
    yield from QueryCursor(_query(grammar, query), match_limit=_MOST_STATES).matches(node)


def matches_near(
    node: Node, grammar: Grammar, query: str, words: Iterable[str]
) -> Iterator[tuple[int, Captures]]:
    """What a query finds around the places where one of ``words`` stands, in order.

    This is what ``matches`` finds of a query that demands one of them, in a fraction of its time.
    """
    source, first = node.text or b"", node.start_byte
    pattern = b"|".join(re.escape(word.encode()) for word in words)
    places = [
        (found.start() + first, found.end() + first) for found in re.finditer(pattern, source)
    ]
    if len(places) > _MOST_PLACES:
        yield from matches(node, grammar, query)
        return
    cursor, seen = QueryCursor(_query(grammar, query), match_limit=_MOST_STATES), set[object]()
    for place in places:
        cursor.set_byte_range(*place)
        for number, found in cursor.matches(node):
            same = (number, *sorted((name, nodes[0].id) for name, nodes in found.items()))
            if same not in seen:
                seen.add(same)
                yield number, found


def text_of(node: Node) -> str:
    """The source of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def line_of(node: Node) -> int:
    """The line on which a node begins, from 1."""
    return node.start_point.row + 1


def _is_tangled(text: str) -> bool:
    if text.count("<") - text.count(">") > MOST_NESTING:
        return True
    if sum(map(text.count, "([{")) <= MOST_NESTING:
        return False
    depth = most = 0
    for sign in re.findall(r"[(\[{}\])]", text):
        depth += 1 if sign in "([{" else -1
        most = max(most, depth)
    return most > MOST_NESTING


@cache
def _language(grammar: Grammar) -> Language:
    return Language(resolve_name(_SOURCES.get(grammar, f"tree_sitter_{grammar}:language"))())


@cache
def _query(grammar: Grammar, source: str) -> Query:
    return Query(_language(grammar), source)
