"""The languages whose reads are found by queries, by the suffixes of their files."""

from collections.abc import Mapping

from autodeploy.services.analyzer.variables.dialects.base import Dialect
from autodeploy.services.analyzer.variables.dialects.compiled import (
    C_SHARP,
    CPP,
    GO,
    JAVA,
    KOTLIN,
    RUST,
    SCALA,
    SWIFT,
)
from autodeploy.services.analyzer.variables.dialects.scripting import ELIXIR, PHP, RUBY

DIALECTS: Mapping[str, Dialect] = {
    "go": GO,
    "rs": RUST,
    "java": JAVA,
    **dict.fromkeys(("kt", "kts"), KOTLIN),
    **dict.fromkeys(("scala", "sc", "sbt"), SCALA),
    "cs": C_SHARP,
    # Crystal is close enough to Ruby for the reads of a file to be found.
    **dict.fromkeys(("rb", "rake", "ru", "erb", "cr"), RUBY),
    "php": PHP,
    **dict.fromkeys(("ex", "exs"), ELIXIR),
    "swift": SWIFT,
    **dict.fromkeys(("c", "cc", "cpp", "cxx", "h", "hpp"), CPP),
}
