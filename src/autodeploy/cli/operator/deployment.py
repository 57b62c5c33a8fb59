"""The deployment that `up --deploy` asks for: the user command, as any user would run it."""

import os
from dataclasses import dataclass

from autodeploy.cli.failures import CommandError, ExitCode
from autodeploy.cli.user.credentials import load_token
from autodeploy.kernel.process import python_argv, spawn, stop


@dataclass(frozen=True)
class Deployment:
    """What to deploy: a folder or URL, and optionally a branch, tag or commit."""

    repo: str
    ref: str | None

    def __post_init__(self) -> None:
        for name, value in (("REPO", self.repo), ("REF", self.ref or "")):
            if value.startswith("-") or not value.isprintable():
                raise CommandError(
                    f"{name} begins with a dash or holds control characters.",
                    remedy="Give REPO a folder or a URL, and REF a branch, a tag or a commit.",
                    exit_code=ExitCode.USAGE,
                )

    def argv(self) -> list[str]:
        ref = [f"--ref={self.ref}"] if self.ref else []
        return python_argv("deploy", *ref, "--", self.repo)

    async def run(self, api_url: str) -> int:
        """Run the command against ``api_url`` to its end; returns its exit code."""
        token = load_token(api_url)
        environment = {**os.environ, "AUTODEPLOY_URL": api_url}
        if token is not None:
            environment["AUTODEPLOY_TOKEN"] = token
        process = await spawn(self.argv(), env=environment)
        try:
            return await process.wait()
        finally:
            await stop(process, grace_seconds=5)
