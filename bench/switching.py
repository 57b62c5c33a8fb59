"""Failed requests while an app is redeployed fifty times (``--repeat``) without a pause.

Requests come on kept and on fresh connections, half of them posts that take half a second, so that
some are under way at every switch.
"""

import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.e2e import apps
from tests.e2e.load import Answers, Load
from tests.e2e.platform import Platform, eventually

from bench.report import Record, arguments, show

NAME = "switching"


def main() -> None:
    options = arguments(__doc__, repeat=50)
    platform = Platform()
    folder = Path(tempfile.mkdtemp(prefix="ad-bench-", dir="/tmp")) / NAME
    try:
        platform.start()
        records = _switch(platform, folder, options.repeat)
    finally:
        platform.close()
        shutil.rmtree(folder.parent)
    show("redeployments under load", "switching", records, as_json=options.json)


def _switch(platform: Platform, folder: Path, times: int) -> list[Record]:
    platform.deploy(apps.procfile_app(folder, "first"), NAME)
    host = f"{NAME}.localhost:{platform.proxy_port}"
    begun = time.monotonic()
    with Load(platform.proxy_port, host) as load:
        for number in range(times):
            text = f"version {number}"
            platform.deploy(apps.procfile_app(folder, text), NAME)
            eventually(f"{text} answers", partial(load.saw, text))
    seconds = (time.monotonic() - begun) / times
    return [_record("kept", load.kept, seconds), _record("fresh", load.fresh, seconds)]


def _record(connections: str, answers: Answers, seconds: float) -> Record:
    return {
        "connections": connections,
        "requests": answers.total,
        "failed": answers.failures.total(),
        "seconds_a_redeployment": round(seconds, 2),
        "within_budget": not answers.failures,
    }


if __name__ == "__main__":
    main()
