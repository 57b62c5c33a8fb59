"""What one file adds to what is known of the environment's layers in all files."""

import re
from dataclasses import dataclass, field
from functools import cached_property

from tree_sitter import Node

from autodeploy.services.analyzer.variables.javascript.demands import demanded_names
from autodeploy.services.analyzer.variables.javascript.script import Script
from autodeploy.services.analyzer.variables.reads import Read

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
UPPER_KEY = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_?")


@dataclass(frozen=True)
class Reader:
    """A function whose parameter names the variable that it reads.

    ``key_at`` and ``default_at`` are the places of its parameters. ``insists``: it throws when
    there is no value.
    """

    name: str
    script: Script
    key_at: int
    default_at: int | None
    insists: bool
    is_method: bool


@dataclass
class Findings:
    """What was found in one file.

    ``objects`` are its names whose members are variables; ``readers`` the functions that others
    may call; ``schemas`` the expressions that describe the environment; ``validations`` the
    calls that get the environment, each with what may be the schema.
    """

    script: Script
    reads: list[Read] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    objects: set[str] = field(default_factory=set)
    schemas: list[Node] = field(default_factory=list)
    validations: list[tuple[Node, list[Node]]] = field(default_factory=list)
    reads_any: bool = False

    @cached_property
    def demanded(self) -> frozenset[str]:
        return demanded_names(self.script)

    @cached_property
    def demanded_at_start(self) -> frozenset[str]:
        return demanded_names(self.script, at_start=True)
