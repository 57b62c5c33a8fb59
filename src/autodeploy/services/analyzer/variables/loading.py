"""Which source files are loaded whenever an app is built or started.

Nothing is run to find out: a file counts when a command names it, when another file imports it, or
when tools load it by its name. In doubt it does not count.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from autodeploy.services.analyzer.variables.reads import places

# Files that tools load by their names.
_BY_NAME = re.compile(
    r"(^|/)([\w-]+[.-]config\.[cm]?[jt]s|config/(runtime|application|environment)\.(exs|rb)"
    r"|config/environments/production\.rb|main\.go|src/main\.rs|Program\.cs)$"
)
# What people run by hand, or what is for another place than this one.
_ASIDE = re.compile(
    r"(^|/)(scripts?|bin|tools?|hack|dev|migrations?|alembic|seeds?|seeders|management|notebooks?"
    r"|tasks|cron)/|(^|[/._-])(local|dev|development|staging|ci|seeds?)\.\w+$",
    re.I,
)
_IMPORTS = re.compile(
    r"^[^\n]{0,200}\b(?:import|from|require|include|use|DJANGO_SETTINGS_MODULE)\b[^\n]{0,300}", re.M
)
_WORD = re.compile(r"[\w-]+")
_SCRIPT = re.compile(r"[\w:.-]+")
_PACKAGES = frozenset({"index", "__init__", "mod"})


@dataclass(frozen=True)
class Commands:
    """The shell lines that build and start an app, and the scripts that they may call by name."""

    lines: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> frozenset[str]:
        """The words of the lines and of the scripts that are called."""
        lines, called = list(self.lines), set[str]()
        for line in lines:
            new = set(_SCRIPT.findall(line)) & self.scripts.keys() - called
            called |= new
            lines.extend(self.scripts[name] for name in sorted(new))
        return frozenset(word for line in lines for word in _WORD.findall(line))


class Loading:
    """The files of one app that are loaded at its start, by what its commands and files say."""

    def __init__(self, texts: Mapping[str, str], commands: Commands):
        """``texts``: the source files by path."""
        self._commands = commands.words()
        self._texts = texts
        self._imported: dict[str, set[str]] | None = None

    def loads(self, path: str) -> bool:
        """Whether the file is sure to be loaded."""
        stem = _stem(path)
        if stem in self._commands:
            return True
        if self.is_aside(path):
            return False
        return _BY_NAME.search(path) is not None or bool(self._importers(stem) - {path})

    def is_aside(self, path: str) -> bool:
        """Whether the file is run by hand or elsewhere, and by no command."""
        return _ASIDE.search(path) is not None and _stem(path) not in self._commands

    def _importers(self, stem: str) -> set[str]:
        if self._imported is None:
            self._imported = {}
            for path, text in self._texts.items():
                for line in places(_IMPORTS, text):
                    for word in _WORD.findall(line[0]):
                        self._imported.setdefault(word, set()).add(path)
        return self._imported.get(stem, set())


def _stem(path: str) -> str:
    """The name that others import a file by: that of its folder for a package's own file."""
    folder, _, name = path.rpartition("/")
    stem = name.split(".")[0]
    return folder.rpartition("/")[2] if stem in _PACKAGES and folder else stem
