"""PHP: what composer.json says (https://getcomposer.org/doc/04-schema.md, read 2026-11)."""

from collections.abc import Iterator, Mapping

from autodeploy.services.analyzer.evidence import SourceFiles, table, words
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.packages.versions import asked_runtime
from autodeploy.services.analyzer.plan import Command, Runtime

INSTALL = "composer install --no-dev --optimize-autoloader --no-interaction"


def read(files: SourceFiles) -> Packages | None:
    """What the PHP manifests say; None when there is neither a manifest nor a PHP file."""
    if not files.has("composer.json"):
        scripts = files.glob("*.php")
        return Packages("php", "PHP", runtime=_runtime(files)) if scripts else None
    manifest = files.json("composer.json")
    production = _packages(table(manifest, "require"))
    development = _packages(table(manifest, "require-dev"))
    locks = [path for path in ("composer.lock", "composer.json") if files.has(path)]
    return Packages(
        language="php",
        language_name="PHP",
        manager="composer",
        install=Command(command=INSTALL, reason=f"{locks[0]}: what it names, without development"),
        runtime=_runtime(files),
        production=production,
        development=development,
        manifests=dict.fromkeys((*development, *production), "composer.json"),
        lock_files=tuple(files.at(path) for path in locks),
    )


def _packages(asked: Mapping[str, object]) -> dict[str, str | None]:
    """The packages with their versions: what stands for PHP and its extensions has no ``/``."""
    return {name: words(version) for name, version in asked.items() if "/" in name}


def _runtime(files: SourceFiles) -> Runtime:
    return asked_runtime(files, "php", (".php-version",), _declared)


def _declared(place: SourceFiles) -> Iterator[tuple[str, str]]:
    """What the app requires, then the version for which its packages were chosen."""
    manifest = place.json("composer.json")
    for asked in (table(manifest, "require"), table(manifest, "config", "platform")):
        version = words(asked.get("php"))
        if version:
            yield version, "composer.json"
