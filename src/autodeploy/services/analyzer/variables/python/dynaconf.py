"""Settings of dynaconf: each is the variable of its name under a prefix.

Source: https://www.dynaconf.com/envvars/ (2026-11).
"""

import re
from collections.abc import Iterator

from tree_sitter import Node

from autodeploy.services.analyzer.variables.python.findings import Findings
from autodeploy.services.analyzer.variables.python.module import given, literal
from autodeploy.services.analyzer.variables.source import field, text

_MAKERS = ("Dynaconf", "LazySettings", "FlaskDynaconf")
_DEFAULT_PREFIX = "DYNACONF"
_SETTING = re.compile(r"[A-Za-z]\w*")


def prefixes(found: Findings) -> Iterator[tuple[str, str]]:
    """The names that settings of dynaconf are given in a module, each with its prefix."""
    module = found.module
    for maker in _MAKERS:
        for local in module.local_names("dynaconf", maker):
            for node in module.names(local):
                call = node.parent
                if call is None or call.type != "call" or call.parent is None:
                    continue
                asked = given(call)[1].get("envvar_prefix")
                bare = asked is not None and asked.type in ("false", "none")
                prefix = "" if bare else f"{literal(asked) or _DEFAULT_PREFIX}_"
                yield text(field(call.parent, "left")), prefix


def add_settings(found: Findings, name: str, prefix: str, mentions: str) -> None:
    """Add the settings that a module reads of ``name``.

    A name under a prefix is certain only where it stands somewhere in ``mentions``.
    """
    for node in found.module.names(name):
        setting = _setting(node)
        if setting is None or not _SETTING.fullmatch(setting):
            continue
        key = f"{prefix}{setting}".upper()
        certain = setting.isupper() if not prefix else re.search(rf"\b{key}\b", mentions)
        if certain:
            reason = "a setting of dynaconf, which other sources may give too"
            found.add(key, node, required=False, reason=reason)


def _setting(node: Node) -> str | None:
    parent = node.parent
    if parent is None:
        return None
    if parent.type == "attribute" and field(parent, "object") == node:
        return text(field(parent, "attribute"))
    if parent.type == "subscript" and field(parent, "value") == node:
        return literal(field(parent, "subscript"))
    return None
