"""The GitHub App by which repositories are read for no person."""

from collections.abc import Iterator

from autodeploy.cli.operator.checks.check import Check, Verdict
from autodeploy.client_settings import ProviderSettings
from autodeploy.settings import Settings

_OTHERS = 0o077


def github_app(settings: Settings) -> Iterator[Check]:
    """Whether others may read its key. One that cannot be used ends the reading of the settings."""
    github = settings.providers.get("github", ProviderSettings())
    if github.private_key_file is None:
        return
    mode = github.private_key_file.stat().st_mode
    if mode & _OTHERS:
        yield Check(
            "GitHub App",
            Verdict.ADVICE,
            f"{github.private_key_file} may be read by others (mode {mode & 0o777:04o})",
            f"chmod 600 {github.private_key_file}: whoever has the key acts at every repository "
            "that the app is installed for.",
        )
        return
    yield Check("GitHub App", Verdict.OK, f"{github.app_id}, with its key")
