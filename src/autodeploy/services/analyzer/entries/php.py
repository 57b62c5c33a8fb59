"""PHP: the front controller behind PHP's own server, and what Laravel and Symfony add."""

import shlex
from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.entries.front_end import with_front_end
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Context, FrameworkRecord
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import AppKind, Command

# Folders that are served, likeliest first; below them no code of the app is to be seen.
DOCUMENT_ROOTS = ("public", "web", "htdocs", "public_html", "www", "html", "webroot")
FRONT_CONTROLLERS = ("index.php", "app.php")


def run(files: SourceFiles, packages: Packages, record: FrameworkRecord, context: Context) -> Run:
    """How to run a PHP app."""
    start = _start(files, record)
    is_library = record.generic and start is None
    found = Run(
        kind=AppKind.LIBRARY if is_library else record.kind,
        install=packages.install,
        start=start,
        port=record.port,
        found=start is not None,
    )
    if record.slug == "laravel" and files.glob("database/migrations/*.php"):
        release = "php artisan migrate --force"
        found = replace(
            found, release=Command(command=release, reason="database/migrations holds migrations")
        )
    if record.slug == "symfony":
        found = _symfony(found, files, packages)
    return with_front_end(found, files)


def _symfony(run: Run, files: SourceFiles, packages: Packages) -> Run:
    """Assets compiled and migrations run where the packages for them are there."""
    compile_assets = Command(
        command="php bin/console asset-map:compile", reason="depends on symfony/asset-mapper"
    )
    migrate = Command(
        command="php bin/console doctrine:migrations:migrate --no-interaction --allow-no-migration",
        reason="depends on doctrine/doctrine-migrations-bundle",
    )
    return replace(
        run,
        build=compile_assets if packages.has("symfony/asset-mapper") else None,
        release=migrate if packages.has("doctrine/doctrine-migrations-bundle") else None,
    )


def _start(files: SourceFiles, record: FrameworkRecord) -> Command | None:
    if record.slug == "laravel":
        return Command(
            command="php artisan serve --host=0.0.0.0 --port=$PORT", reason="Laravel starts so"
        )
    found = _front_controller(files)
    if found is None:
        return None
    folder, script = found
    path = f"{folder}/{script}" if folder else script
    files.note(path, "is the front controller")
    line = "php -S 0.0.0.0:$PORT"
    if folder:
        line += f" -t {folder}"
    if script != "index.php":  # which PHP takes by itself
        line += f" {shlex.quote(path)}"
    return Command(command=line, reason=f"{path} is the front controller by its name")


def _front_controller(files: SourceFiles) -> tuple[str, str] | None:
    """The folder to serve and the script that answers, or the only script that there is."""
    for folder in (*DOCUMENT_ROOTS, ""):
        for script in FRONT_CONTROLLERS:
            if files.has(f"{folder}/{script}" if folder else script):
                return folder, script
    alone = files.glob("*.php")
    return ("", alone[0]) if len(alone) == 1 else None
