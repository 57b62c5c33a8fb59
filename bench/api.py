"""Calls a second of the API beside a bare endpoint of the same framework with one SELECT.

All calls run in this process, in turn, against the embedded parts, so that they meet the same
conditions: the bare endpoint, the same endpoint behind the check of an access token or a personal
token, one read (a project), and log-in, whose time is that of its password hash. What a token check
adds is the difference of the medians.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI
from sqlalchemy import text
from starlette.types import Message

from autodeploy.api.deps import ResourcesDep, require_credential
from autodeploy.api.middleware import Authentication
from autodeploy.app import create_app
from autodeploy.cli.operator.configuration import parts_user
from autodeploy.cli.operator.home import ensure_secrets, prepare_home
from autodeploy.cli.operator.parts import embedded_parts
from autodeploy.cli.operator.supervisor import Supervisor
from autodeploy.kernel.resources import Resources
from autodeploy.migrations.upgrade import upgrade
from autodeploy.roles import close_resources, open_resources
from autodeploy.settings import Settings
from bench.report import Record, show

BUDGET_ADDED_MS = 0.5
WARM_UP_CALLS = 50
LOGINS_EVERY = 50
PASSWORD = "correct horse battery"

Call = Callable[[], Awaitable[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--calls", type=int, default=2000, help="how many of each")
    options = parser.parse_args()
    times = asyncio.run(_measure(options.calls))
    bare = statistics.median(times["bare endpoint with one SELECT"])
    records: list[Record] = []
    for name, seconds in times.items():
        median = statistics.median(seconds)
        records.append(
            {
                "name": name,
                "median_ms": round(median * 1000, 3),
                "per_second": round(1 / median, 1),
                "added_ms": round((median - bare) * 1000, 3),
            }
        )
    show("Calls of the API, one at a time", "calls", records, as_json=options.json)
