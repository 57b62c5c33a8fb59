"""Which files of a folder Vercel is not sent: ``.vercelignore``, else ``.gitignore``.

Own code: `pathspec` reads the same patterns, and is a dependency of our tools alone. The rules are
those of git-scm.com/docs/gitignore, of the file at the root; vercel.com/docs, "Deploying from the
CLI" (2026-03) names what is left out in any case.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_ALWAYS = frozenset({
    ".git", ".hg", ".svn", ".vercel", ".next", "node_modules", "__pycache__", ".venv", "venv",
    ".DS_Store", ".cache", "CVS",
})  # fmt: skip
_LONGEST_FILE = 256 * 1024


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    folders_only: bool
    keeps: bool


class Ignores:
    """Asked with paths relative to the root, of folders before what they hold."""

    def __init__(self, rules: list[_Rule]):
        self._rules = rules

    @classmethod
    def read(cls, root: Path) -> "Ignores":
        for name in (".vercelignore", ".gitignore"):
            path = root / name
            if path.is_file() and not path.is_symlink():
                with path.open(errors="replace") as file:
                    lines = file.read(_LONGEST_FILE).splitlines()
                return cls([rule for line in lines if (rule := _rule(line))])
        return cls([])

    def ignores(self, path: str, *, folder: bool) -> bool:
        if path.rpartition("/")[2] in _ALWAYS or _is_secret_file(path):
            return True
        ignored = False
        for rule in self._rules:
            if (folder or not rule.folders_only) and rule.pattern.fullmatch(path):
                ignored = not rule.keeps
        return ignored


def _is_secret_file(path: str) -> bool:
    """Variables of somebody's own machine."""
    return re.fullmatch(r"(.*/)?\.env(\.[\w.-]+)?\.local", path) is not None


def _rule(line: str) -> _Rule | None:
    line = line.rstrip()
    if not line or line.startswith("#"):
        return None
    keeps = line.startswith("!")
    text = line.removeprefix("!").removeprefix("\\")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anywhere = "/" not in text
    expression = ("(?:.*/)?" if anywhere else "") + _expression(text.removeprefix("/"))
    try:
        return _Rule(re.compile(expression), folders_only, keeps)
    except re.error:
        return None


def _expression(glob: str) -> str:
    tokens = re.findall(r"\*\*/|/\*\*$|\*+|\?|\[[^\]/]+\]|\\?.", glob)
    return "".join(_TOKENS.get(token) or _literal(token) for token in tokens)


_TOKENS = {"**/": "(?:.*/)?", "/**": "/.*", "**": "[^/]*", "*": "[^/]*", "?": "[^/]"}


def _literal(token: str) -> str:
    if len(token) > 2 and token[0] == "[":
        inner = token[1:-1].replace("\\", "\\\\")
        return f"[^/{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
    return re.escape(token.removeprefix("\\") or token)
