"""A node of the local provider for tests: Caddy and the runtime agent, as `up` starts them."""

import asyncio
import os
import sys
from pathlib import Path

from autodeploy.kernel.embedded.caddy import EmbeddedCaddy
from autodeploy.kernel.process import ensure_system_user
from autodeploy.providers.local.agent import run_agent
from autodeploy.providers.local.layout import Layout


async def main(home: Path, proxy_port: int) -> None:
    user = ensure_system_user("autodeploy") if os.geteuid() == 0 else None
    layout = Layout(home)
    caddy = EmbeddedCaddy(
        layout.caddy_config, layout.caddy_admin, home / "caddy", home / "logs/caddy.log", user
    )
    await caddy.start()
    try:
        await run_agent(
            home=home,
            proxy_port=proxy_port,
            user=user,
            allow_unsandboxed=bool(os.environ.get("AUTODEPLOY_ALLOW_UNSANDBOXED")),
        )
    finally:
        await caddy.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
