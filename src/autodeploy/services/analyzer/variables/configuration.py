"""Variables in what is no program: configuration files and start scripts.

Sources: Spring Boot's and Micronaut's externalized configuration, HOCON, Symfony's `%env()%`, POSIX
parameter expansion (2026-11).
"""

import re
from collections.abc import Callable, Iterator

from autodeploy.services.analyzer.variables.lexical import SYMFONY
from autodeploy.services.analyzer.variables.lexical import find_reads as lexical_reads
from autodeploy.services.analyzer.variables.reads import Read, places
from autodeploy.services.analyzer.variables.syntax import line_of, matches, parse, text_of

Finder = Callable[[str, str], Iterator[Read]]

_UPPER = r"[A-Z][A-Z0-9_]{0,120}"
_LONG_LINE = re.compile(r"^[^\n]{4001,}", re.M)
_COMMENT = re.compile(r"(?m)^[ \t]*(#|//)[^\n]*")
_SPRING = re.compile(rf"\$\{{(?P<key>{_UPPER})(?::(?P<default>[^${{}}\n]{{0,200}}))?\}}")
_HOCON = re.compile(rf"\$\{{(?P<optional>\??)(?P<key>{_UPPER})\}}")
_SHELL = re.compile(
    rf"(?<!\$)\$(?:\{{(?P<key>{_UPPER})(?P<operator>:?[-?+])?(?P<word>[^${{}}\n]{{0,200}})\}}|(?P<plain>{_UPPER})\b)"
)
_ERB = re.compile(r"<%(?![#%])[=-]?(.{0,2000}?)-?%>", re.S)
# Parameters of the shell itself, and of programs that are nearly always there.
_OF_THE_SHELL = frozenset({"IFS", "PATH", "PWD", "OLDPWD", "HOME", "RANDOM", "SECONDS", "LINENO",
                           "OPTARG", "OPTIND", "PPID", "UID", "EUID", "BASH_SOURCE", "FUNCNAME",
                           "REPLY", "HOSTNAME", "USER", "SHELL", "LINES", "COLUMNS"})  # fmt: skip


def spring(text: str, file: str) -> Iterator[Read]:
    """``${X:default}`` in application.yml and .properties; without a default, X is required."""
    yield from _placeholders(text, file, _SPRING, lambda one: one["default"] is None)


def hocon(text: str, file: str) -> Iterator[Read]:
    """``${X}`` and ``${?X}``, which leaves the setting above it as the default."""
    yield from _placeholders(text, file, _HOCON, lambda one: not one["optional"])


def symfony(text: str, file: str) -> Iterator[Read]:
    """``%env(X)%`` in the container's configuration."""
    yield from lexical_reads(text, file, SYMFONY)


def shell(text: str, file: str) -> Iterator[Read]:
    """What a start script expands and does not itself assign."""
    root = parse(text, "bash")
    if root is None:
        return
    query = """(variable_assignment name: (variable_name) @set)
               (for_statement variable: (variable_name) @set)
               (command name: (command_name) @_c argument: (word) @set (#eq? @_c "read"))
               [(expansion) (simple_expansion)] @read"""
    found = list(matches(root, "bash", query))
    own = {text_of(one["set"][0]) for _, one in found if "set" in one} | _OF_THE_SHELL
    for node in (one["read"][0] for _, one in found if "read" in one):
        for read in _expansions(text_of(node), file, line_of(node) - 1):
            if read.key not in own or read.required or read.has_default:
                yield read


def laravel(text: str, file: str) -> Iterator[Read]:
    """``APP_KEY``, without which Laravel encrypts nothing and answers every request with an error
    (https://laravel.com/docs/12.x/encryption, 2026-11)."""
    if found := re.search(r"""env\(\s?['"](APP_KEY)['"]\s?\)""", text):
        yield Read(found[1], file, _line(text, found.start()), required=True)


def rails(text: str, file: str) -> Iterator[Read]:
    """``RAILS_MASTER_KEY``, which opens the credentials: required where production says so
    (https://guides.rubyonrails.org/security.html#custom-credentials, 2026-11)."""
    if found := re.search(r"\bRAILS_MASTER_KEY\b", text):
        demanded = (
            re.search(r"(?m)^\s{0,40}config\.require_master_key\s?=\s?true", text) is not None
        )
        yield Read(found.group(), file, _line(text, found.start()), required=demanded)


def code_in(path: str, text: str) -> str:
    """The code of a template, on the lines where it stands; any other file as it is."""
    if path.endswith(".blade.php"):
        return re.sub(r"!!\}|\}\}", ";?>", re.sub(r"\{\{|\{!!", "<?php ", text))
    if not path.endswith((".erb", ".yml", ".yaml")):
        return text
    parts, position = list[str](), 0
    for found in places(_ERB, text):
        parts += ["\n" * text.count("\n", position, found.start(1)), found[1], " ; "]
        position = found.end(1)
    return "".join(parts)


def _placeholders(
    text: str, file: str, pattern: re.Pattern[str], demands: Callable[[re.Match[str]], bool]
) -> Iterator[Read]:
    code = _without_comments(text)
    for found in places(pattern, code):
        default = found.groupdict().get("default")
        yield Read(
            found["key"],
            file,
            _line(code, found.start()),
            required=demands(found),
            default=default or None,
            has_default=default is not None or not demands(found),
        )


def _expansions(code: str, file: str, lines: int = 0) -> Iterator[Read]:
    for found in places(_SHELL, code):
        operator, line = found["operator"] or "", lines + _line(code, found.start())
        has_default = operator.endswith("-")
        yield Read(
            found["key"] or found["plain"],
            file,
            line,
            required=operator.endswith("?"),
            default=(found["word"] or None) if has_default else None,
            has_default=has_default,
        )


def _without_comments(text: str) -> str:
    return _COMMENT.sub("", _LONG_LINE.sub("", text))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


# By patterns of the file's name, or, where they hold a ``/``, of the end of its path.
FILES: tuple[tuple[str, Finder], ...] = (
    (r"(application|bootstrap)[\w-]*\.(ya?ml|properties)", spring),
    (r"[\w.-]+\.conf", hocon),
    (r"config/.*\.(ya?ml|xml)", symfony),
    (r"config/app\.php", laravel),
    (r"config/environments/production\.rb", rails),
    (r"(docker[-_])?(entry-?point|start|run|boot|launch)[\w-]*(\.(ba)?sh)?", shell),
)
