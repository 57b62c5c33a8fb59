"""YAML without its dangers: bounded in size, nesting and repetition, and every scalar a text.

A scalar stays the text that was written, so that ``3.10`` is no 3.1 and ``22:22`` no number of
seconds; only null and the merge key ``<<`` mean what they mean (YAML 1.1, https://yaml.org/type/).
"""

from typing import ClassVar

import yaml

MOST_CHARACTERS = 1 << 18
MOST_NESTING = 100
# Nodes once each alias stands for what it repeats: what makes a bomb of a few lines.
MOST_NODES = 50_000

_OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_MADE = (
    None,
    "tag:yaml.org,2002:null",
    *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")),
)

# The parser in C, where PyYAML was built with it: thirty times as fast.
_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[valid-type, misc]
    yaml_implicit_resolvers: ClassVar = {
        sign: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
        for sign, resolvers in _Base.yaml_implicit_resolvers.items()
    }
    # Any other tag is refused: a number written to be slow is one.
    yaml_constructors: ClassVar = {
        tag: made for tag, made in _Base.yaml_constructors.items() if tag in _MADE
    }


def load_yaml(text: str) -> object:
    """The single document of a text; raises ``ValueError`` for what is no such or too large."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"over {MOST_CHARACTERS} characters of YAML")
    try:
        _check_nesting(text)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            _count(root, {})
            return loader.construct_document(root) if root is not None else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(line + (getattr(error, "problem", None) or str(error))) from None


def _check_nesting(text: str) -> None:
    """Events come one by one, where building the nodes recurses."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Base)):
        depth += isinstance(event, _OPENS) - isinstance(event, _CLOSES)
        if depth > MOST_NESTING or count > 2 * MOST_NODES:
            raise ValueError("nested too deeply, or too long")


def _count(node: yaml.Node | None, known: dict[int, int]) -> int:
    """How many nodes there are below one, in repetitions too; each is looked at once."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1  # what an alias to a node around itself comes to
        below = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        known[id(node)] = 1 + sum(_count(part, known) for part in below)
    if known[id(node)] > MOST_NODES:
        raise ValueError("aliases repeat too much")
    return known[id(node)]
