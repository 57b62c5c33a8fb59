"""Manifests that cannot be parsed: an analysis does without them, a deployment must not."""

import json
import tomllib
from collections.abc import Callable

from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.tree import SourceTree

# Each with how its package manager reads it, and the language to whose apps it means nothing.
_MANIFESTS: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("package.json", json.loads, "python"),
    ("pyproject.toml", tomllib.loads, "node"),
)


def find_unreadable(tree: SourceTree, plan: Plan) -> str | None:
    """What is wrong with a broken manifest of the app, with its place; None when all are well.

    Without it the plan is another app's: the failure of its build would not tell why.
    """
    for name, load, other_language in _MANIFESTS:
        path = f"{plan.root_directory}/{name}" if plan.root_directory else name
        content = tree.read(path)
        if content is None or plan.language == other_language:
            continue
        try:
            load(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0][:200]
            return f"{path} cannot be parsed: {reason}"
    return None
