"""What one module adds to what is known of the environment's layers in all modules."""

from dataclasses import dataclass
from dataclasses import field as has_field
from functools import cached_property

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables.python.demands import (
    demanded_names,
    runs_at_start,
)
from autodeploy.services.analyzer.variables.python.module import Module
from autodeploy.services.analyzer.variables.reads import Read
from autodeploy.services.analyzer.variables.source import field, line, text


@dataclass(frozen=True)
class Reader:
    """A function whose parameter names the variable that it reads.

    ``key_at`` counts what a caller gives. ``signature`` is the default in the signature, where
    there is one. ``insists``: it raises when there is no value and no default is given.
    """

    name: str
    module: Module
    key_at: int
    key_name: str
    default_at: int | None
    default_name: str | None
    signature: Node | None
    insists: bool
    is_method: bool


@dataclass
class Findings:
    """``objects`` are names of the module for the environment, ``instances`` for library readers,
    which other modules may import."""

    module: Module
    reads: list[Read] = has_field(default_factory=list)
    readers: list[Reader] = has_field(default_factory=list)
    objects: set[str] = has_field(default_factory=set)
    instances: dict[str, str] = has_field(default_factory=dict)

    @cached_property
    def demanded(self) -> frozenset[str]:
        return demanded_names(self.module)

    @cached_property
    def _demanded_later(self) -> frozenset[str]:
        return self.demanded - demanded_names(self.module, at_start=True)

    def add(
        self,
        key: str,
        node: Node,
        *,
        required: bool,
        at_start: bool = True,
        reason: str,
        default: str | None = None,
        has_default: bool = False,
        kind: VariableType | None = None,
        description: str | None = None,
        secret: bool = False,
    ) -> None:
        """Add a read at ``node``; without ``at_start`` it is not sure to be made on loading."""
        self.reads.append(
            Read(
                key,
                self.module.path,
                line(node),
                required=required,
                at_start=at_start
                and required
                and runs_at_start(node)
                and not self._is_refused_later(node),
                default=default,
                has_default=has_default,
                type=kind,
                reason=reason,
                description=description or self.module.comment(node),
                secret=secret,
            )
        )

    def _is_refused_later(self, node: Node) -> bool:
        """Whether the value gets a name that is only looked at in a function."""
        holder = node.parent
        if holder is None or node.type == "subscript":
            return False
        return text(field(holder, "left")) in self._demanded_later
