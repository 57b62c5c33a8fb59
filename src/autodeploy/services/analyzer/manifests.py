"""Manifests that cannot be parsed: analysis does without them, a deployment must not."""

import json
from collections.abc import Callable

from autodeploy.kernel.errors import ManifestUnreadable
from autodeploy.kernel.toml_text import load_toml
from autodeploy.services.analyzer.plan import Plan
from autodeploy.services.analyzer.tree import SourceTree

# Each with how its package manager reads it, and the languages to whose apps it means nothing.
_MANIFESTS: tuple[tuple[str, Callable[[str], object], frozenset[str]], ...] = (
    ("package.json", json.loads, frozenset({"python", "deno"})),
    ("pyproject.toml", load_toml, frozenset({"node", "ruby", "php", "deno"})),
    ("composer.json", json.loads, frozenset({"node", "python", "ruby", "deno"})),
)


def require_readable(tree: SourceTree, plan: Plan) -> None:
    """Raise ``ManifestUnreadable`` for a broken manifest of the app, rather than guess around it.

    Without it the plan is another app's: its failure later would not tell why.
    """
    for name, load, other_languages in _MANIFESTS:
        path = f"{plan.root_directory}/{name}" if plan.root_directory else name
        content = tree.read(path)
        if content is None or plan.language in other_languages:
            continue
        try:
            load(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0][:200]
            raise ManifestUnreadable(
                f"{path} cannot be parsed: {reason}",
                remedy="Correct that place and deploy again.",
            ) from error
