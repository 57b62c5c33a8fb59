"""Ruby: what the Gemfile and its lock file say (https://bundler.io/man/gemfile.5.html, 2026-11)."""

import re
from collections.abc import Iterator

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.versions import asked_runtime
from autodeploy.services.analyzer.plan import Command

# Each manifest with its lock file.
MANIFESTS = (("Gemfile", "Gemfile.lock"), ("gems.rb", "gems.locked"))

_DEVELOPMENT = frozenset({"development", "test"})

_GEM = re.compile(r"[ \t]*gem[ (]+[\"']([\w.-]+)[\"']")
_VERSIONS = re.compile(r",\s*[\"']([^\"'\n]*)[\"']")
_GROUP_OPTION = re.compile(r":?groups?(?::|\s*=>)\s*(\[[^\[\]\n]*\]|:\w+)")
_GROUP = re.compile(r"[ \t]*group[ (]+([^\n]*)")
_OPENS = re.compile(r"\bdo(?:\s*\|[^|\n]*\|)?\s*$|^[ \t]*(?:if|unless|case|begin|def)\b")
_ENDS = re.compile(r"[ \t]*end\b")
_RUBY = re.compile(r"(?m)^[ \t]*ruby[ (]+((?:[\"'][^\"'\n]*[\"'](?:,[ \t]*)?)+)")
_LOCKED_RUBY = re.compile(r"(?m)^RUBY VERSION\n\s+ruby (\d[\w.]*?)(?:p\d+)?$")
_BUNDLED_WITH = re.compile(r"(?m)^BUNDLED WITH\n\s+(\d[\w.]*)$")
_GEMSPEC_NEEDS = re.compile(r"\.add_(?:runtime_)?dependency[ (]+[\"']([\w.-]+)[\"']")


def read(files: SourceFiles) -> Packages | None:
    """What the Ruby manifests say; None when there is neither a manifest nor a Ruby file."""
    manifest, lock = next((pair for pair in MANIFESTS if files.has(pair[0])), ("", ""))
    if not manifest and not files.glob("*.rb") and not files.glob("*.ru"):
        return None
    runtime = asked_runtime(files, "ruby", (".ruby-version",), _declared)
    if not manifest:
        return Packages("ruby", "Ruby", runtime=runtime)
    gems = list(_gems(files.text(manifest) or ""))
    production = {name: version for name, version, is_needed in gems if is_needed}
    development = {name: version for name, version, is_needed in gems if not is_needed}
    needed_by_gemspec = dict.fromkeys(_gemspec_needs(files, manifest))
    bundled = _BUNDLED_WITH.search(files.text(lock) or "") if files.has(lock) else None
    locks = [path for path in (lock, manifest) if files.has(path)]
    return Packages(
        language="ruby",
        language_name="Ruby",
        manager="bundler",
        manager_version=bundled.group(1) if bundled else None,
        install=Command(command="bundle install", reason=f"{locks[0]}: what it names"),
        runtime=runtime,
        production={**needed_by_gemspec, **production},
        development=development,
        manifests=dict.fromkeys((*development, *production), manifest),
        lock_files=tuple(files.at(path) for path in locks),
    )


def _gems(text: str) -> Iterator[tuple[str, str | None, bool]]:
    """Each gem: its name, the version asked for, and whether the app needs it when it runs."""
    blocks = [False]  # for each open block whether its gems are for development alone
    for line in text.splitlines():
        code = line.split(" #")[0].rstrip()
        gem, group = _GEM.match(code), _GROUP.match(code)
        if gem:
            option = _GROUP_OPTION.search(code)
            is_development = blocks[-1] or bool(option and _is_development(option.group(1)))
            yield gem.group(1), _version(code[gem.end() :]), not is_development
        if _OPENS.search(code):
            blocks.append(blocks[-1] or bool(group and _is_development(group.group(1))))
        elif _ENDS.match(code) and len(blocks) > 1:
            blocks.pop()


def _version(options: str) -> str | None:
    # What follows the first option is that option's own.
    found = _VERSIONS.findall(re.split(r"\b\w+:|=>", options, maxsplit=1)[0])
    return ", ".join(found) or None


def _is_development(groups: str) -> bool:
    names = set(re.findall(r"[:\"'](\w+)", groups))
    return bool(names) and names <= _DEVELOPMENT


def _gemspec_needs(files: SourceFiles, manifest: str) -> list[str]:
    if not re.search(r"(?m)^[ \t]*gemspec\b", files.text(manifest) or ""):
        return []
    specifications = (files.text(path) or "" for path in files.glob("*.gemspec"))
    return [name for text in specifications for name in _GEMSPEC_NEEDS.findall(text)]


def _declared(place: SourceFiles) -> Iterator[tuple[str, str]]:
    """The version of the Gemfile, then that of its lock file.

    ``ruby file: ".ruby-version"`` names a file that is read before.
    """
    for manifest, lock in MANIFESTS:
        asked = _RUBY.search(place.text(manifest) or "") if place.has(manifest) else None
        if asked:
            yield ", ".join(re.findall(r"[\"']([^\"']*)[\"']", asked.group(1))), manifest
        locked = _LOCKED_RUBY.search(place.text(lock) or "") if place.has(lock) else None
        if locked:
            yield locked.group(1), lock
