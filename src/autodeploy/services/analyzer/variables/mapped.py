"""Data files that map settings to variables, as the package ``config`` for Node reads them.

Source: https://github.com/node-config/node-config/wiki/Environment-Variables (2026-11).
"""

import re
from collections.abc import Iterator

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.variables.reads import Read, places

_PATTERN = "config/custom-environment-variables.*"
# A leaf of JSON, JSON5, YAML or of an object in JavaScript: all its values are variables.
_LEAF = re.compile(r""":[ \t]*["']?([A-Z][A-Z0-9_]{1,254})["']?[ \t]*(?=[,}\r\n]|$)""")


def find_mapped(files: SourceFiles) -> Iterator[Read]:
    """The variables that the mapping in the app's ``config`` folder names."""
    for path in files.glob(_PATTERN):
        text = files.text(path) or ""
        for found in places(_LEAF, text):
            line = text.count("\n", 0, found.start()) + 1
            yield Read(found.group(1), files.at(path), line, reason="mapped to a setting")
