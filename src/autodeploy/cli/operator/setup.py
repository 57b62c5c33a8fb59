"""What `serve` prints while there is no administrator: a one-use token to make the first with."""

from sqlalchemy.exc import DBAPIError

from autodeploy.cli.terminal import say
from autodeploy.kernel.errors import AutoDeployError
from autodeploy.settings import Settings


async def offer_setup(settings: Settings) -> None:
    """Print a set-up token, unless there is an administrator.

    The server starts without one where the database cannot be asked: it may come up later.
    """
    from autodeploy.roles import close_resources, open_resources
    from autodeploy.services.auth.service import issue_setup_token
    from autodeploy.services.auth.setup import SETUP_SECONDS

    resources = await open_resources(settings, "app")
    try:
        token = await issue_setup_token(resources)
    except (AutoDeployError, DBAPIError):
        say(
            "Whether there is an administrator cannot be told yet. When the database and Redis "
            "are up and migrated, start again for a set-up token, or run `autodeploy admin-token`."
        )
        return
    finally:
        await close_resources(resources)
    if token is not None:
        say(
            "There is no administrator yet. Make the first one within "
            f"{SETUP_SECONDS // 60} minutes:\n"
            f"  POST {settings.effective_public_url}/api/v1/auth/setup\n"
            '  {"token": "…", "email": "…", "password": "…", "name": "…"}\n'
            f"  Set-up token: {token}"
        )
