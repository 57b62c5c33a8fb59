"""What `doctor` looks at: one function a check, each with its remedy."""

from collections.abc import Callable, Iterator

from autodeploy.cli.operator.checks import (
    github_app,
    home,
    machine,
    platform,
    programs,
    resources,
    vault,
)
from autodeploy.cli.operator.checks.check import Check, Verdict
from autodeploy.settings import Settings

__all__ = ["Check", "Verdict", "run_checks"]

_GROUPS: tuple[Callable[[Settings], Iterator[Check]], ...] = (
    machine.kernel,
    programs.python,
    programs.programs,
    machine.sandbox,
    machine.cgroups,
    home.folder,
    home.secrets,
    vault.vault,
    github_app.github_app,
    resources.disk,
    resources.memory,
    resources.open_files,
    resources.clock,
    platform.ports,
    platform.server,
    platform.mail,
)


def run_checks(settings: Settings) -> list[Check]:
    """Every check, in the order in which they matter."""
    return [check for group in _GROUPS for check in group(settings)]
