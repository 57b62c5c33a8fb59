"""Reads in languages without a grammar here, and in annotations: patterns over code that is
stripped of its comments. What a string holds stays, since the names are in strings.

Sources: the references of the languages and libraries named (2026-11).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from autodeploy.services.analyzer.variables.handling import (
    BEFORE_CHARACTERS,
    BEHIND_CHARACTERS,
    handling,
)
from autodeploy.services.analyzer.variables.reads import Read, holds_any, places

_LONG_LINE = re.compile(r"^[^\n]{4001,}", re.M)
_STRING = r'"(?:[^"\\\n]|\\.)*"'
_SLASHES, _HASHES = r"//[^\n]*|/\*.*?(?:\*/|\Z)", r"#[^\n]*"
_SEMICOLONS, _DASHES = r";[^\n]*", r"--[^\n]*|\{-.*?(?:-\}|\Z)"
_PARENTHESES = r"\(\*.*?(?:\*\)|\Z)"

_K = r"(?P<key>[A-Za-z_]\w{0,120})"
_DEFAULT = r"""(?:"(?P<default>[^"\n]{0,200})"|(?P<bare>-?\d[\w.]{0,20}|true|false))"""


def _kebab(key: str) -> str:
    return re.sub(r"[-.]", "_", key).upper()


@dataclass(frozen=True)
class Pattern:
    """A read: groups ``key`` and perhaps ``default``, ``bare`` (a default without quotes)."""

    pattern: re.Pattern[str]
    required: bool = False
    build_time: bool = False
    spelled: Callable[[str], str] = field(default=str)


@dataclass(frozen=True)
class Lexicon:
    """A language: what is a comment, which words a file must hold, and how it reads."""

    comments: str
    marks: tuple[str, ...]
    patterns: tuple[Pattern, ...]


def _of(pattern: str, required: bool = False, build_time: bool = False) -> Pattern:
    return Pattern(re.compile(pattern), required, build_time)


DART = Lexicon(
    _SLASHES,
    ("environment[", "fromEnvironment", "env[", "env.get", "hasEnvironment"),
    (
        _of(rf"""\b(?:Platform\.environment|dotenv\.env|env)\[\s?['"]{_K}['"]\s?\]"""),
        _of(rf"""\b(?:dotenv|env)\.(?:get|maybeGet|getOrElse)\(\s{{0,40}}['"]{_K}['"]"""),
        _of(
            rf"""\b(?:String|int|bool)\.(?:fromEnvironment|hasEnvironment)\(\s{{0,80}}['"]{_K}['"]"""
            r"""(?:\s?,\s{0,80}defaultValue:\s{0,80}(?:['"](?P<default>[^'"\n]{0,200})['"]|(?P<bare>\w+)))?""",
            build_time=True,
        ),
    ),
)
CLOJURE = Lexicon(
    _SEMICOLONS,
    ("getenv", "environ", "#env", "(env ", "env/"),
    (
        _of(rf'#or\s?\[\s{{0,40}}#env\s{{1,10}}"?{_K}"?\s{{1,40}}{_DEFAULT}'),
        _of(rf'\(or\s{{1,80}}\(System/getenv\s{{1,10}}"{_K}"\)\s{{1,80}}{_DEFAULT}'),
        _of(rf'\(System/getenv\s{{1,10}}"{_K}"'),
        _of(rf'#env!?\s{{1,10}}"?{_K}"?'),
        Pattern(
            re.compile(
                rf"\((?:environ/)?env\s{{1,10}}:(?P<key>[a-z][\w.-]{{1,80}})(?:\s{{1,80}}{_DEFAULT})?"
            ),
            spelled=_kebab,
        ),
    ),
)
GLEAM = Lexicon(
    _SLASHES,
    ("envoy", "get_env", "glenvy", "env."),
    (_of(rf'\b(?:envoy\.get|os\.get_env|envoy\.get_\w+|env\.(?:get_)?\w+)\(\s{{0,40}}"{_K}"'),),
)
HASKELL = Lexicon(
    _DASHES,
    ("getEnv", "lookupEnv", "envMaybe", "Env.var"),
    (
        _of(rf'\b(?:lookupEnv|lookupSetting|envMaybe)\s{{1,40}}"{_K}"'),
        _of(rf'\bgetEnv\s{{1,40}}"{_K}"', required=True),
        _of(rf'\bgetEnvDefault\s{{1,40}}"{_K}"\s{{1,40}}{_DEFAULT}'),
        _of(rf'\bEnv\.var\b[^"\n]{{0,80}}"{_K}"'),
    ),
)
F_SHARP = Lexicon(
    rf"{_SLASHES}|{_PARENTHESES}",
    ("GetEnvironmentVariable",),
    (_of(rf'\bGetEnvironmentVariable\s?\(?\s{{0,10}}"{_K}"'),),
)
ZIG = Lexicon(
    _SLASHES,
    ("getenv", "getEnvVarOwned", "hasEnvVar", "env_map", "environ_map"),
    (
        _of(rf'\bgetenv\(\s?"{_K}"'),
        _of(rf'\b(?:getEnvVarOwned|hasEnvVar)\(\s?[\w.]{{1,60}},\s?"{_K}"'),
        _of(rf'\benv(?:iron)?_map\.get\(\s?"{_K}"'),
    ),
)
ERLANG = Lexicon(
    r"%[^\n]*",
    ("os:getenv",),
    (_of(rf'\bos:getenv\(\s{{0,40}}"{_K}"(?:\s?,\s{{0,40}}{_DEFAULT})?'),),
)
OCAML = Lexicon(
    _PARENTHESES,
    ("getenv",),
    (
        _of(rf'\bSys\.getenv_opt\s{{1,10}}"{_K}"'),
        _of(rf'\bSys\.getenv\s{{1,10}}"{_K}"', required=True),
    ),
)
LUA = Lexicon(r"--\[\[.*?(?:\]\]|\Z)|--[^\n]*", ("getenv",),
              (_of(rf"""\bos\.getenv\(?\s?["']{_K}["']"""),))  # fmt: skip
PRISMA = Lexicon(r"//[^\n]*", ("env(",), (_of(rf'\benv\(\s?"{_K}"\s?\)', required=True),))

# `${X:default}` in annotations of Spring, Micronaut and Quarkus; a dotted name is a property,
# which may but need not come from the environment.
_PLACEHOLDER = _of(r"\$\{(?P<key>[A-Z][A-Z0-9_]{0,120})(?::(?P<default>[^${}\"\n]{0,200}))?\}")
JVM = Lexicon(
    _SLASHES,
    ("@Value", "@ConfigProperty", "@Property", "@Scheduled", "@FeignClient"),
    (
        _PLACEHOLDER,
        _of(
            r'@ConfigProperty\(\s?name\s?=\s?"(?P<key>[A-Z][A-Z0-9_]{0,120})"'
            r'(?:\s?,\s{0,40}defaultValue\s?=\s?"(?P<default>[^"\n]{0,200})")?'
        ),
    ),
)
# `%env(int:default:fallback:X)%` in what Symfony's container is configured with.
SYMFONY = Lexicon(
    _HASHES,
    ("%env(", "env("),
    (
        _of(rf"%env\((?:\w+:){{0,6}}{_K}\)%"),
        _of(
            rf"""(?m)^\s{{2,8}}['"]?env\({_K}\)['"]?:\s{{0,10}}(?:['"]?(?P<default>[^'"\n]{{0,200}})['"]?)$"""
        ),
    ),
)
SYMFONY_PHP = Lexicon(
    rf"{_SLASHES}|#(?!\[)[^\n]*",
    ("%env(", "Autowire(env"),
    (
        _of(rf"%env\((?:\w+:){{0,6}}{_K}\)%"),
        _of(rf"""#\[Autowire\(\s?env:\s?['"](?:\w+:){{0,6}}{_K}['"]"""),
    ),
)

LEXICONS: Mapping[str, tuple[Lexicon, ...]] = {
    "dart": (DART,),
    **dict.fromkeys(("clj", "cljc", "edn"), (CLOJURE,)),
    "gleam": (GLEAM,),
    "hs": (HASKELL,),
    **dict.fromkeys(("fs", "fsx"), (F_SHARP,)),
    "zig": (ZIG,),
    "erl": (ERLANG,),
    "ml": (OCAML,),
    "lua": (LUA,),
    "prisma": (PRISMA,),
    **dict.fromkeys(("java", "kt", "scala"), (JVM,)),
    "php": (SYMFONY_PHP,),
}


def find_reads(text: str, file: str, lexicon: Lexicon) -> Iterator[Read]:
    """The reads in one file."""
    if not holds_any(text, lexicon.marks):
        return
    code = _without_comments(_LONG_LINE.sub("", text), lexicon.comments)
    seen: set[int] = set()
    for pattern in lexicon.patterns:
        for found in places(pattern.pattern, code):
            if found.start("key") in seen:
                continue
            seen.add(found.start("key"))
            yield from _read(found, pattern, code, file)


def _read(found: re.Match[str], pattern: Pattern, code: str, file: str) -> Iterator[Read]:
    start, end = found.span()
    around = handling(
        code[max(start - BEFORE_CHARACTERS, 0) : start], code[end : end + BEHIND_CHARACTERS]
    )
    if around.written:
        return
    groups = found.groupdict()
    given = next((groups[n] for n in ("default", "bare") if groups.get(n) is not None), None)
    has_default = given is not None or around.has_default
    yield Read(
        pattern.spelled(found["key"]),
        file,
        code.count("\n", 0, found.start("key")) + 1,
        required=not has_default and (pattern.required or around.demanded),
        default=(given or around.default) or None,
        has_default=has_default,
        type=around.type,
        build_time=pattern.build_time,
    )


def _without_comments(text: str, comments: str) -> str:
    """The text with comments blanked; strings stay, and newlines too."""
    pattern = re.compile(rf"(?P<string>{_STRING})|{comments}", re.S)
    return pattern.sub(
        lambda m: m.group() if m["string"] else re.sub(r"[^\n]", " ", m.group()), text
    )
