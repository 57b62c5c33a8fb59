"""The GitHub App by which repositories are read for no person."""

from collections.abc import Iterator

from autodeploy.cli.operator.checks.check import Check, Verdict, is_open_to_others
from autodeploy.client_settings import ProviderSettings
from autodeploy.settings import Settings


def github_app(settings: Settings) -> Iterator[Check]:
    """Whether others may read its key, which may be somebody's arrangement: it is not ours. One
    that cannot be used ends the reading of the settings."""
    github = settings.providers.get("github", ProviderSettings())
    if github.private_key_file is None:
        return
    if is_open_to_others(github.private_key_file):
        yield Check(
            "GitHub App",
            Verdict.ADVICE,
            f"{github.private_key_file} can be read by others",
            f"chmod 600 {github.private_key_file}: whoever has the key acts at every repository "
            "that the app is installed for.",
        )
        return
    yield Check("GitHub App", Verdict.OK, f"{github.app_id}, with its key")
