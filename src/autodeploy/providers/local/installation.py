"""Installing an app's dependencies: its own line, and what is known to go wrong with it."""

import json
import re
from dataclasses import replace
from pathlib import Path

from autodeploy.providers.local.dependencies import find_files
from autodeploy.providers.local.errors import InstallFailed, LockFileOutdated
from autodeploy.providers.local.lock_files import require_fitting_lock
from autodeploy.providers.local.sources import read_source
from autodeploy.providers.local.workshop import Workshop

_NPM_CI = re.compile(r"npm (ci|clean-install)(?= |$)")
_MISSING = re.compile(r"npm (?:error|ERR!) Missing: (\S+)@\S+ from lock file")
_INVALID = re.compile(r"npm (?:error|ERR!) Invalid: ")
_ASKING = ("dependencies", "devDependencies", "peerDependencies")
_NAMED = 5


async def install_dependencies(shop: Workshop, command: str) -> None:
    """Run the install command. Raises ``InstallFailed``.

    npm leaves optional packages of other platforms out of a lock file now and then, and then
    refuses to install from it (https://github.com/npm/cli/issues/4828, November 2026). That is
    not the app's fault: it is installed again without the demand, and told so.
    """
    require_fitting_lock(shop, command)
    refused: list[str] = []
    shop_log = shop.log

    async def log(level: str, source: str, message: str) -> None:
        if _MISSING.match(message) or _INVALID.match(message):
            refused.append(message)
        await shop_log(level, source, message)

    # In production npm leaves out what the build needs.
    environment = {key: value for key, value in shop.environment.items() if key != "NODE_ENV"}
    shop = replace(shop, environment=environment)
    try:
        await replace(shop, log=log).command(command, InstallFailed, "install")
    except LockFileOutdated:
        missing = _only_unasked(refused, _asked_for(shop.root))
        if not missing or not _NPM_CI.match(command):
            raise
        names = ", ".join(missing[:_NAMED]) + (" …" if len(missing) > _NAMED else "")
        await shop.log(
            "warn",
            "build",
            f"package-lock.json lacks packages that package.json does not ask for: {names}. npm "
            "leaves optional packages of other platforms out when it writes the file. Installing "
            "without insisting on it; `npm install` on this kind of machine would complete it.",
        )
        await shop.command(_NPM_CI.sub("npm install", command, count=1), InstallFailed, "install")


def _only_unasked(refused: list[str], asked: set[str]) -> list[str]:
    """The missing packages, if no manifest of the app asks for any of them; else none."""
    found = [_MISSING.match(line) for line in refused]
    names = [match[1] for match in found if match]
    if len(names) != len(refused) or asked.intersection(names):
        return []
    return list(dict.fromkeys(names))


def _asked_for(root: Path) -> set[str]:
    """What the manifests of the repository ask for themselves, and not as optional."""
    names: set[str] = set()
    for path in find_files(root, "package.json"):
        try:
            manifest = json.loads(read_source(root / path, root))
            names.update(name for kind in _ASKING for name in manifest.get(kind) or ())
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            continue
    return names
