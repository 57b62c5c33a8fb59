"""What the code around a read says of it, in one shape for the languages that are read in depth."""

from dataclasses import dataclass

from autodeploy.services.analyzer.plan import VariableType


@dataclass(frozen=True)
class Demand:
    """Whether the code fails without a value, ``at_start`` as soon as its file is loaded; why that
    is thought, and what stands in for one."""

    required: bool
    reason: str
    default: str | None = None
    has_default: bool = False
    type: VariableType | None = None
    at_start: bool = False
