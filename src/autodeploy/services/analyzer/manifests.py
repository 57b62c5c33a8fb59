"""Manifests that cannot be parsed: an analysis does without them, a deployment must not."""

import json
from collections.abc import Callable

from autodeploy.kernel.toml_text import load_toml
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.tree import SourceTree

# Each with how its package manager reads it, and the languages to whose apps it means nothing.
_MANIFESTS: tuple[tuple[str, Callable[[str], object], frozenset[str]], ...] = (
    ("package.json", json.loads, frozenset({"python", "deno"})),
    ("pyproject.toml", load_toml, frozenset({"node", "ruby", "php", "deno"})),
    ("composer.json", json.loads, frozenset({"node", "python", "ruby", "deno"})),
)


def with_unreadable(plan: Plan, tree: SourceTree) -> Plan:
    """The plan, with what is wrong with a broken manifest of the app where there is one.

    Without that manifest the plan may be another app's: the failure of its build would not tell
    why. What is lenient enough for an analysis is told, too.
    """
    broken = _unreadable(plan, tree)
    if broken is None:
        return plan
    told = any(one.startswith(broken.partition(":")[0]) for one in plan.warnings)
    warnings = plan.warnings if told else (*plan.warnings, broken)
    return plan.model_copy(update={"unreadable": broken, "warnings": warnings})


def _unreadable(plan: Plan, tree: SourceTree) -> str | None:
    """What is wrong with a manifest, with its place; None when all are well."""
    for name, load, other_languages in _MANIFESTS:
        path = f"{plan.root_directory}/{name}" if plan.root_directory else name
        content = tree.read(path)
        if content is None or plan.language in other_languages:
            continue
        try:
            load(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0][:200]
            return f"{path} cannot be parsed: {reason}"
    return None
