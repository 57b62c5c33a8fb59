"""The operator's settings as a command meets them: complete, or an error that says what to set."""

import os
from pathlib import Path

from pydantic import ValidationError

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.kernel.process import SystemUser, ensure_system_user
from autodeploy.settings import ConfigurationError, Settings

PARTS_USER = "autodeploy"


def read_settings() -> Settings:
    """The settings of the environment. Raises ``CommandError`` that names the wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'settings'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise CommandError(
            f"The settings cannot be used: {problems}.",
            remedy="Correct the AUTODEPLOY_… variable of that name.",
            code="settings_invalid",
            exit_code=ExitCode.USAGE,
        ) from None


def complete_settings(*, allow_unsandboxed: bool = False) -> Settings:
    """The settings, refused in production when a start would need a generated default.

    ``allow_unsandboxed`` is the option of that name; processes started from here have it too.
    """
    if allow_unsandboxed:
        os.environ["AUTODEPLOY_ALLOW_UNSANDBOXED"] = "1"
    settings = read_settings()
    try:
        settings.require_complete()
    except ConfigurationError as error:
        raise CommandError(
            str(error),
            remedy="docs/reference/settings.md describes each setting.",
            code="settings_invalid",
            exit_code=ExitCode.USAGE,
        ) from None
    return settings


def start_logging(settings: Settings) -> None:
    """Have this process write its log as JSON, without any secret of its settings."""
    # Imported here: commands that log nothing do not pay for it.
    from autodeploy.kernel.log import configure_logging

    configure_logging(settings.log_level, json=True, secrets=settings.secret_values)


def parts_user() -> SystemUser | None:
    """Whom the parts run as: a system user when we are root, else ourselves."""
    return ensure_system_user(PARTS_USER) if os.geteuid() == 0 else None


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of our own processes: ours, with the settings that have defaults named."""
    return {
        **os.environ,
        "AUTODEPLOY_HOME": str(settings.home),
        "AUTODEPLOY_API_PORT": str(settings.api_port),
        "AUTODEPLOY_PROXY_PORT": str(settings.proxy_port),
        "PYTHONUNBUFFERED": "1",
        # What a build needed for a moment goes back to the system: unless the thresholds are
        # fixed, glibc raises them with each large block that is freed, and keeps such blocks.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "MALLOC_TRIM_THRESHOLD_": "131072",
    }


def logs_folder(settings: Settings) -> Path:
    return settings.home / "logs"
