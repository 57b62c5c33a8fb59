"""Variables of Go programs that no call names: struct tags, and keys of viper.

Tags of caarlos0/env, kelseyhightower/envconfig, sethvargo/go-envconfig, cleanenv and kong
(their documentation, 2026-11).
"""

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from autodeploy.services.analyzer.plan import VariableType
from autodeploy.services.analyzer.variables import envconfig
from autodeploy.services.analyzer.variables.reads import Read, holds_any, places
from autodeploy.services.analyzer.variables.syntax import line_of, matches, parse, text_of

_MARKS = ('env:"', 'envconfig:"')
_TAG = re.compile(r'([\w-]{1,40}):"((?:[^"\\\n]|\\.){0,300})"')
_FIELDS = """(field_declaration name: (_)? @name type: (_) @type
               tag: (raw_string_literal) @tag) @field"""
_STRUCTS = "(type_spec name: (_) @name type: (struct_type) @struct)"
_INTEGER = re.compile(r"\*?u?int(8|16|32|64)?")
_DESCRIBING = ("help", "description", "env-description", "desc", "usage")
_TYPES = {"bool": VariableType.BOOLEAN, "url.URL": VariableType.URL}

_VIPER = re.compile(
    r"\bviper\.(?:(?:Get(?:String|Int|Int32|Int64|Bool|Duration|Float64|StringSlice)?|SetDefault|"
    r'IsSet)\(\s{0,40}"([\w.-]{1,80})"|(?:Must)?BindEnv\("([\w.-]{1,80})"\))'
)
# All variables at once, but not to add some for another process.
_ALL = re.compile(r"range os\.Environ\(\)|(?<!append)\(os\.Environ\(\)\)")
_REGISTERED = re.compile(r'(?m)^[ \t]*(?:case )?"([A-Z][A-Z0-9]{0,40}_[A-Z0-9_]{1,80})"[ \t]*:')
_VIPER_PREFIX = re.compile(r'\bSetEnvPrefix\(\s{0,40}"(\w{1,40})"')


def find_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """The reads that tags and viper make in the Go files of a repository."""
    processed = list(envconfig.find_reads(texts))
    yield from processed
    marks = ('env:"',) if processed else _MARKS
    tagged = [path for path, text in texts.items() if holds_any(text, marks)]
    prefixes: dict[str, str] = {}
    roots = {path: root for path in tagged if (root := parse(texts[path], "go"))}
    for root in roots.values():
        prefixes.update(_prefixes(root))
    for path, root in roots.items():
        structs = [
            (found["struct"][0], prefixes.get(text_of(found["name"][0]), ""))
            for _, found in matches(root, "go", _STRUCTS)
        ]
        for _, found in matches(root, "go", _FIELDS):
            field = found["field"][0]
            around = [p for s, p in structs if s.start_byte <= field.start_byte < s.end_byte]
            if not (processed and "envconfig:" in text_of(found["tag"][0])):
                yield from _tagged(found, path, around[-1] if around else "")
    yield from _viper_reads(texts)
    yield from _registered(texts)


def _prefixes(root: Node) -> Iterator[tuple[str, str]]:
    """The prefix under which a struct's fields are read, by the struct's name."""
    for _, found in matches(root, "go", _FIELDS):
        tags = _tags(found["tag"][0])
        behind = re.search(r"prefix=(\w+)", tags.get("env", ""))
        prefix = tags.get("envPrefix") or tags.get("env-prefix") or tags.get("envprefix")
        prefix = prefix or (behind[1] if behind else None)
        if prefix:
            yield text_of(found["type"][0]).lstrip("*"), prefix


def _tagged(found: Mapping[str, list[Node]], path: str, prefix: str) -> Iterator[Read]:
    tags, field = _tags(found["tag"][0]), found["field"][0]
    names, _, options = (tags.get("env") or tags.get("envconfig") or "").partition(",")
    default = next((tags[n] for n in ("envDefault", "env-default", "default") if n in tags), None)
    inline = re.search(r"(?:^|,)\s?default=([^,]*)", options)
    default = inline[1] if inline and default is None else default
    demanded = (
        re.search(r"(?:^|,)\s?(required|notEmpty)\b", options) is not None
        or any(tags.get(name) == "true" for name in ("required", "env-required"))
        or tags.get("required") == ""
    )
    others = [one for one in options.split(",") if re.fullmatch(r"[A-Z][A-Z0-9_]+", one)]
    for name in [names, *others]:
        if name and name != "-":
            yield Read(
                prefix + name,
                path,
                line_of(field),
                required=demanded and default is None,
                default=default,
                has_default=default is not None,
                type=_type_of(text_of(found["type"][0])),
                description=next((tags[n] for n in _DESCRIBING if n in tags), None),
            )


def _registered(texts: Mapping[str, str]) -> Iterator[Read]:
    """The names that a package compares all variables with: keys of a table, cases of a switch."""
    packages = {p.rpartition("/")[0] for p, text in texts.items() if _ALL.search(text)}
    for path, text in texts.items() if packages else ():
        for found in places(_REGISTERED, text) if path.rpartition("/")[0] in packages else ():
            line = text.count("\n", 0, found.start(1)) + 1
            yield Read(found[1], path, line)


def _type_of(written: str) -> VariableType | None:
    return VariableType.INTEGER if _INTEGER.fullmatch(written) else _TYPES.get(written.lstrip("*"))


def _tags(node: Node) -> dict[str, str]:
    return dict(_TAG.findall(text_of(node)))


def _viper_reads(texts: Mapping[str, str]) -> Iterator[Read]:
    """Keys of viper, where the program reads all of them from the environment."""
    using = {path: text for path, text in texts.items() if "viper." in text}
    if not any("AutomaticEnv()" in text for text in using.values()):
        return
    found = (_VIPER_PREFIX.search(text) for text in using.values())
    prefix = next((f"{one[1]}_" for one in found if one), "")
    replaced = any("SetEnvKeyReplacer(" in text for text in using.values())
    for path, text in using.items():
        for read in places(_VIPER, text):
            key = read[1] or read[2]
            key = re.sub(r"[.-]", "_", key) if replaced else key
            if re.fullmatch(r"\w+", key):
                line = text.count("\n", 0, read.start()) + 1
                yield Read((prefix + key).upper(), path, line, derived=True)
