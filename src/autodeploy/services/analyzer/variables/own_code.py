"""Which files are an app's own code: what runs, or is built, when it is deployed."""

import re
from functools import lru_cache

# Wherever they are: code that only tests, shows, measures or was fetched or made.
_FOLDERS = re.compile(
    r"(^|/)(__?tests?__?|tests?|testing|test[-_]?(utils|data|helpers)|__mocks__|mocks?|specs?|e2e|"
    r"[\w-]+-e2e|cypress|playwright|fixtures?|vendor|third_party|site-packages|coverage|"
    r"benchmarks?|storybook|stories|\.[^/]+)/",
    re.I,
)
# Beside the app's code. Inside it a folder of such a name is a part of the app.
_BESIDE = re.compile(r"(^|/)(dist|build|out|docs?|examples?|samples?|bench)/", re.I)
_INSIDE = re.compile(r"(^|/)(src|app|apps/[^/]+/(src|app)|lib|server|routes|pages)/", re.I)
_FILES = re.compile(
    r"^(test_.*|.*_test|tests|conftest|.*_pb2(_grpc)?)\.py$"
    r"|[.-](test|tests|spec|stories|story|min|gen|generated|bundle|bench|cy|e2e|test-d|mock)\.[cm]?[jt]sx?$"
    r"|^(setup-?tests?|test-?setup|mock)\.[cm]?[jt]sx?$"
    r"|^(jest|vitest|playwright|cypress|karma|wdio|commitlint|eslint|knip|release|dangerfile)"
    r"\.[\w.-]*(config|setup|workspace|global)?[\w.]*\.[cm]?[jt]s$",
    re.I,
)


def is_own_code(path: str) -> bool:
    """Whether what the file reads counts; ``path`` is seen from the app's folder."""
    folder, _, name = path.rpartition("/")
    return _is_of_the_app(folder) and not _FILES.search(name)


@lru_cache(4096)  # a folder holds many files
def _is_of_the_app(folder: str) -> bool:
    path = f"{folder}/"
    if _FOLDERS.search(path):
        return False
    beside = _BESIDE.search(path)
    inside = _INSIDE.search(path)
    return beside is None or (inside is not None and inside.start() < beside.start())
