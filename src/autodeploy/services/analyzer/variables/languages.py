"""The families of files that are searched for variables, except Python's and JavaScript's."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

from autodeploy.services.analyzer.variables import configuration, go, lexical, rust
from autodeploy.services.analyzer.variables.dialects import DIALECTS
from autodeploy.services.analyzer.variables.dialects.base import Dialect
from autodeploy.services.analyzer.variables.dialects.scripting import RUBY
from autodeploy.services.analyzer.variables.reading import Reading
from autodeploy.services.analyzer.variables.reads import Read

# Finds the reads in the files of a family, by path: wrappers and constants cross files.
Family = Callable[[Mapping[str, str]], Iterator[Read]]

# Tests and generated code by their names.
_LEFT_OUT = re.compile(
    r"(_test\.(go|exs?|rb|dart)|_spec\.(rb|cr)|_helper\.rb|^test\.(exs|rb)|"
    r"(Tests?|IT|Spec|TestCase)\.(java|kt|scala|cs|fs|php|swift)|"
    r"\.(pb|gen|g|freezed|generated|designer)\.\w+)$"
)
_FOLDERS_LEFT_OUT = re.compile(
    r"(^|/)(src/(test|androidTest|it)|Tests|\w+\.Tests?|deps|target|Pods|obj|\.devcontainer|testing|"
    r"benchmarks?)/"
)
_DEVELOPMENT = re.compile(r"(^|/)(dev|development|local)\.\w+$|\.Development\.\w+$")
_RUBY_FILES = r"Rakefile|Gemfile|Capfile|.*\.erb", r"config/.*\.ya?ml"


def families_of(path: str) -> tuple[Family, ...]:
    """The families that a file belongs to: none for a test and for what never reads."""
    folder, _, name = path.rpartition("/")
    by_suffix = _SUFFIXES.get(name.rpartition(".")[2], ())
    is_named = _NAMES.fullmatch(name) or _PATHS.search(path)
    if not (by_suffix or is_named) or _LEFT_OUT.search(name) or _is_left_out(folder):
        return ()
    found = [family for pattern, family in _FILES if pattern.search(path)] if is_named else []
    return (*found, *by_suffix)


@lru_cache(4096)  # a folder holds many files
def _is_left_out(folder: str) -> bool:
    return _FOLDERS_LEFT_OUT.search(f"{folder}/") is not None


def _each(finder: configuration.Finder) -> Family:
    """A family whose files say all by themselves."""

    def find(texts: Mapping[str, str]) -> Iterator[Read]:
        for path, text in texts.items():
            yield from finder(text, path)

    return find


def _of_dialect(dialect: Dialect, texts: Mapping[str, str]) -> Iterator[Read]:
    code = {path: configuration.code_in(path, text) for path, text in texts.items()}
    for read in Reading(dialect, code).reads():
        # What stands in for a value, or demands one, in development says nothing of production.
        is_ours = _DEVELOPMENT.search(read.file) is None
        yield read if is_ours else replace(read, required=False, has_default=False, default=None)


def _of_lexicon(lexicon: lexical.Lexicon, texts: Mapping[str, str]) -> Iterator[Read]:
    for path, text in texts.items():
        yield from lexical.find_reads(text, path, lexicon)


_BY_GRAMMAR = {one.grammar: partial(_of_dialect, one) for one in DIALECTS.values()}
_RUBY = _BY_GRAMMAR[RUBY.grammar]
_NAMED = (
    *((pattern, _each(finder)) for pattern, finder in configuration.FILES),
    *((pattern, _RUBY) for pattern in _RUBY_FILES),
)
_FILES = tuple((re.compile(rf"(^|/)({one})$", re.I), family) for one, family in _NAMED)
# Most files are of no family: one look at their name tells, and one at their path.
_NAMES = re.compile("|".join(one for one, _ in _NAMED if "/" not in one), re.I)
_PATHS = re.compile(rf"(?:^|/)(?:{'|'.join(one for one, _ in _NAMED if '/' in one)})$", re.I)
_SUFFIXES: dict[str, list[Family]] = {}
for _suffix, _dialect in DIALECTS.items():
    _SUFFIXES.setdefault(_suffix, []).append(_BY_GRAMMAR[_dialect.grammar])
for _suffix, _lexicons in lexical.LEXICONS.items():
    _SUFFIXES.setdefault(_suffix, []).extend(partial(_of_lexicon, one) for one in _lexicons)
_SUFFIXES["go"].append(go.find_reads)
_SUFFIXES["rs"].append(rust.find_reads)
