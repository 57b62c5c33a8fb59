"""Whether the value of a variable may become part of what a build makes.

In doubt it may: a build too many costs time, one too few serves an old value.
"""

import re
from collections.abc import Mapping

from autodeploy.services.analyzer.packages.javascript import CALLS_SCRIPT
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.variables.classify import is_built_in

_PARTS = re.compile(r"&&|\|\||[;&|\n]")
# Programs that translate or copy what the repository holds, whatever the variables are.
_TRANSLATES = re.compile(
    r"(npx )?(tsc|tsc-alias|nest build|swc|rimraf|copyfiles|prisma generate|rm|cp|mkdir)( [^$`]*)?"
)
# What installs the dependencies is told by such variables which, and how.
_TOOLS = re.compile(
    r"(NPM|PNPM|YARN|BUN|COREPACK|NODE|PIP|PIPENV|UV|POETRY|PDM|PYTHON|SETUPTOOLS)_|CI$", re.I
)
_DEEPEST = 5


def reads_variables(build: str | None, scripts: Mapping[str, str], depth: int = _DEEPEST) -> bool:
    """Whether a build command may read variables that nothing says it reads.

    Args:
        build: a shell line; None for an app that is only installed.
        scripts: those of ``package.json``, which the line may call.
    """
    parts = [part.strip() for part in _PARTS.split(build or "")]
    return any(_reads(part, scripts, depth) for part in parts if part)


def _reads(part: str, scripts: Mapping[str, str], depth: int) -> bool:
    called = CALLS_SCRIPT.fullmatch(part)
    if called is None or depth == 0:
        return _TRANSLATES.fullmatch(part) is None
    name = called[1]
    lines = [scripts.get(one) for one in (f"pre{name}", name, f"post{name}")]
    return lines[1] is None or any(reads_variables(line, scripts, depth - 1) for line in lines)


def may_be_built_in(plan: Plan, key: str) -> bool:
    """Whether what the build makes may depend on the value of the variable ``key``."""
    if plan.build_reads_variables or is_built_in(key) or _TOOLS.match(key):
        return True
    return any(one.build_time for one in plan.environment_variables if one.key == key)
