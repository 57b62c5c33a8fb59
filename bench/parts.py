"""PostgreSQL and Valkey of a benchmark's own, in a folder that goes with them."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from autodeploy.cli.operator.configuration import parts_user
from autodeploy.cli.operator.home import ensure_secrets, prepare_home
from autodeploy.cli.operator.parts import embedded_parts
from autodeploy.cli.operator.supervisor import Supervisor
from autodeploy.migrations.upgrade import upgrade
from autodeploy.settings import Settings


@asynccontextmanager
async def running_parts() -> AsyncIterator[Settings]:
    """Both, with the newest schema; the settings have them, and no rate limits."""
    home = Path(tempfile.mkdtemp(prefix="ad-", dir="/tmp"))
    settings = Settings(home=home, rate_limits="off")
    supervisor = Supervisor(lambda _line: None)
    user = parts_user()
    try:
        prepare_home(settings, user)
        ensure_secrets(settings)
        await supervisor.start(*embedded_parts(settings, user)[:2])
        await upgrade(settings.effective_database_url)
        yield settings
    finally:
        await supervisor.stop()
        shutil.rmtree(home, ignore_errors=True)
