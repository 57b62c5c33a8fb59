"""One read of an environment variable, as found in code."""

from dataclasses import dataclass

from autodeploy.services.analyzer.plan import VariableType


@dataclass(frozen=True)
class Read:
    """A place where ``key`` is read. ``required``: the code fails there when it is not set.

    ``type`` is what the place itself says (an annotation, a conversion), None when nothing.
    """

    key: str
    file: str
    line: int
    required: bool = False
    default: str | None = None
    has_default: bool = False
    type: VariableType | None = None
    build_time: bool = False
