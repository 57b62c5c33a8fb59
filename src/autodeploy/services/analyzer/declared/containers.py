"""Commands that were written for a container: whether they hold outside of one, and how.

An image has its own paths, programs and ports. What is built from source here has those of the
repository, and is told its port by ``$PORT``.
"""

import re
from dataclasses import replace

from autodeploy.services.analyzer.declared.base import Said
from autodeploy.services.analyzer.evidence import SourceFiles

# A path of an image, but for what every system has.
_PATH_OF_IMAGE = re.compile(r"(?:^|[\s=\"'])/(?!(?:bin|usr/bin)/(?:env|sh|bash)\b|dev/|tmp\b)[\w.]")
# Programs of an image that start no app of the repository.
_NO_APP = re.compile(
    r"(?:nginx|httpd(?:-foreground)?|apache2(?:-foreground|ctl)?|caddy|supervisord|php-fpm|sleep|"
    r"tail|true)\b(?!\.)"
)
_SHELL_ALONE = re.compile(r"(?:/(?:usr/)?bin/)?(?:ba|a|z)?sh(?: -[a-z]+)*")
_FOR_THE_DESK = re.compile(
    r"--(?:reload|watch|hot|debug)\b|\bnodemon\b|\brunserver\b|\b(?:npm|yarn|pnpm|bun)(?: run)? "
    r"(?:[\w:]*:)?(?:dev|develop|watch)\b|\b(?:next|nuxt|vite|astro|remix|rackup -E|mix phx) dev\b|"
    r"\bair\b|\bdebugpy\b"
)
# Languages whose images have an interpreter that finds the app's own programs.
_SCRIPTS = (".sh", ".py", ".js")
_INTERPRETED = ("node", "python", "ruby", "php", "deno", "elixir")
_MODULE = re.compile(r"(?:^|\s)([A-Za-z_]\w*(?:\.\w+)*):\w+(?:\(\))?(?=\s|$)")
_SCRIPT = re.compile(
    r"(?:^|\s)(?:python3?|node|deno run|bun run|ruby|php)(?: -\w+)* ([\w./-]+\.\w+)"
)
_BUILT = re.compile(r"(?:\./)?(?:dist|build|out|lib|\.output|\.next|server/dist|target)/")
_PORT = re.compile(
    r"((?:^|\s)(?:--port|--server\.port|-p)[ =]|(?:0\.0\.0\.0|127\.0\.0\.1|\[::\]|localhost|\s):)"
    r"\d{4,5}(?=\s|$)"
)


def names_image(line: str) -> bool:
    """Whether a line names what only an image has, or starts no app of the repository."""
    return bool(_PATH_OF_IMAGE.search(line) or _NO_APP.match(line) or _SHELL_ALONE.fullmatch(line))


def holds_here(line: str, files: SourceFiles, language: str | None) -> bool:
    """Whether a line of an image made for ``language`` starts the app from the folder itself."""
    if names_image(line) or _FOR_THE_DESK.search(line):
        return False
    program = next((word for word in line.split() if "=" not in word), "")
    if "/" in program or program.endswith(_SCRIPTS):
        return files.has(program.removeprefix("./"))
    module = _MODULE.search(line)
    if module and not _has_module(files, module[1]):
        return False
    script = _SCRIPT.search(line)
    if script and not _BUILT.match(script[1]):
        return files.has(script[1].removeprefix("./"))
    return language in _INTERPRETED or (script is not None)


def _has_module(files: SourceFiles, dotted: str) -> bool:
    path = dotted.replace(".", "/")
    return files.has(f"{path}.py") or files.has(f"{path}/__init__.py")


def on_port(said: Said[str]) -> Said[str]:
    """The command with ``$PORT`` in the place of the port that its container has."""
    line = _PORT.sub(r"\g<1>$PORT", said.value)
    if line == said.value:
        return said
    return replace(said, value=line, key=f"{said.key}, with $PORT for its port")
