"""The front end in JavaScript that a server of another language serves: built with it."""

from dataclasses import replace

from autodeploy.services.analyzer.entries.base import Run
from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.packages import javascript
from autodeploy.services.analyzer.plan import Command

# Scripts of package.json that build for production, best first (Laravel Mix has the other two:
# https://laravel-mix.com/docs/6.0/workflow).
_BUILD_SCRIPTS = ("build", "production", "prod")


def with_front_end(run: Run, files: SourceFiles, *, builds_itself: bool = False) -> Run:
    """The run that installs and builds the packages of the ``package.json`` beside it too.

    ``builds_itself`` says that the server's own build calls the script.
    """
    packages = javascript.read(files)
    name = next((one for one in _BUILD_SCRIPTS if packages and one in packages.scripts), None)
    if packages is None or (name is None and not builds_itself):
        return run
    build = None
    if name and not builds_itself:
        build = Command(
            command=f"{packages.manager} run {name}",
            reason=f"script {name}: {packages.scripts[name]}",
        )
    return replace(
        run,
        install=both(run.install, packages.install),
        build=both(build, run.build),
        lock_files=(*run.lock_files, *packages.lock_files),
    )


def both(first: Command | None, second: Command | None) -> Command | None:
    """One command that runs both, or the one that is there."""
    if first is None or second is None:
        return first or second
    return Command(
        command=f"{first.command} && {second.command}", reason=f"{first.reason}; {second.reason}"
    )
