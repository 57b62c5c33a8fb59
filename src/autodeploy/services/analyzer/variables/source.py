"""One file of source code: its text, its syntax tree, and the nodes where a word stands.

Files are searched for words first and parsed only where one is found; what stands there in the
tree decides. So a name in a comment or a text never counts, and parsing is rare.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import islice

from tree_sitter import Node

from autodeploy.services.analyzer.evidence import clean
from autodeploy.services.analyzer.variables.syntax import Grammar, parse

# Places of one word that are looked at in one file: finding a node takes as long as its
# parent has children, so without a bound a long file of one statement repeated is quadratic.
MOST_PLACES = 1_000
# Nobody wrote a longer line by hand, and what it holds is data.
LONGEST_LINE = 2_000
LONGEST_DESCRIPTION = 300

_COMMENT_LINE = re.compile(r"\s*(?://+|#+|/\*\*?|\*(?!/))\s?(.*?)(?:\*/)?\s*$")
_COMMENT_BEHIND = re.compile(r"(?:^|[\s,;])(?://+|#)\s(.*)$")
_DIRECTIVE = re.compile(
    r"eslint|prettier|biome|@ts-|ts-ignore|noqa|type: ?ignore|pragma|TODO|FIXME|pylint|mypy|"
    r"istanbul|c8 |v8 |webpack|#region|=====|-----",
    re.I,
)

_STATEMENT = re.compile(r"[;{}]\s*$|=>|^\s*(const|let|import|return)\b")


class Source:
    """A file with its syntax tree, which is made when first asked for."""

    def __init__(self, path: str, text: str, grammar: Grammar):
        self.path = path
        self.grammar = grammar
        self._text = _without_long_lines(text)
        self.bytes = self._text.encode("utf-8", "replace")

    @cached_property
    def root(self) -> Node | None:
        """The syntax tree; None for a text that no parser should be given."""
        return parse(self._text, self.grammar)

    def node_at(self, found: re.Match[bytes]) -> Node | None:
        """The smallest node that covers a place in the text."""
        if self.root is None:
            return None
        return self.root.descendant_for_byte_range(found.start(), found.end())

    @cached_property
    def lines(self) -> list[str]:
        return self._text.split("\n")

    def matches(self, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        """The first places of a pattern in the text, wherever they stand."""
        yield from islice(pattern.finditer(self.bytes), MOST_PLACES)

    def nodes(self, pattern: re.Pattern[bytes]) -> Iterator[Node]:
        """The smallest node that covers each place of a pattern."""
        for found in self.matches(pattern):
            node = self.node_at(found)
            if node is not None:
                yield node

    def names(self, name: str) -> Iterator[Node]:
        """The identifiers that are ``name``."""
        # The pattern begins with the word itself, which is what makes the search fast.
        for node in self.nodes(re.compile(re.escape(name).encode() + rb"(?![\w$])")):
            if node.type.endswith("identifier") and text(node) == name:
                yield node

    def comment(self, node: Node) -> str | None:
        """What the comment behind a node, or right above its line, says."""
        return self.comment_on(node, node)

    def comment_on(self, node: Node, statement: Node | None) -> str | None:
        """What the comment behind a node says, or the one right above its statement."""
        behind = _behind(self.lines[node.end_point.row], node.end_point.column)
        if behind or statement is None:
            return _description([behind] if behind else [])
        row = statement.start_point.row
        above: list[str] = []
        while row > 0 and len(above) < 6:
            row -= 1
            line = self.lines[row]
            if not line.lstrip().startswith(("//", "#", "/*", "*")):
                break
            found = _COMMENT_LINE.match(line)
            if found is None or _DIRECTIVE.search(line):
                break
            above.insert(0, found.group(1))
        return _description(above)


def text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode("utf-8", "replace")


def line(node: Node) -> int:
    return node.start_point.row + 1


def field(node: Node | None, name: str) -> Node | None:
    return None if node is None else node.child_by_field_name(name)


def ancestors(node: Node) -> Iterator[Node]:
    """The nodes around a node, the nearest first."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def around(node: Node, *types: str) -> Node | None:
    """The nearest node around ``node`` of one of these types."""
    return next((one for one in ancestors(node) if one.type in types), None)


def _behind(content: str, column: int) -> str | None:
    # Columns count bytes: beyond ASCII the place may be off, never the text.
    found = _COMMENT_BEHIND.search(content[column:])
    return None if found is None or _DIRECTIVE.search(found.group(1)) else found.group(1)


def _description(lines: list[str]) -> str | None:
    whole = " ".join(word.strip() for word in lines if word.strip(" *-=#/"))
    # A comment that is a statement taken out says nothing, nor does an address alone.
    if " " not in whole or _STATEMENT.search(whole):
        return None
    return clean(whole)[:LONGEST_DESCRIPTION]


def _without_long_lines(content: str) -> str:
    lines = content.split("\n")
    if all(len(one) <= LONGEST_LINE for one in lines):
        return content
    return "\n".join(one if len(one) <= LONGEST_LINE else "" for one in lines)
