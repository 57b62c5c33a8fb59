"""Libraries that load others wherever these are installed, loaded as if they were not."""

import importlib
import sys

_UNUSED = {"click", "opentelemetry.sdk", "pygments", "rich"}


def load_plainly(*libraries: str) -> None:
    """Import libraries without what draws on terminals for them, or counts what Redis answers.

    The log of a server is JSON, and nobody reads the counts: 7 MB in each process are more than a
    hundredth of what the platform may use. A command draws by other means, and httpx brings a
    command of its own, which takes a quarter of the start of ours.
    """
    unused = _UNUSED - sys.modules.keys()
    sys.modules.update(dict.fromkeys(unused))  # type: ignore[arg-type]  # None: no such import
    try:
        for name in libraries:
            importlib.import_module(name)
    finally:
        for name in unused:
            del sys.modules[name]
