from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .servers import commit_files, dumb_http, git, git_daemon


@dataclass(frozen=True)
class Origin:
    """A repository with two commits on main, one on the branch dev, and two tags."""

    root: Path
    bare: Path
    first: str
    second: str
    dev: str


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    root = tmp_path_factory.mktemp("git")
    work = root / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    first = commit_files(work, {"page.html": "one", "src/app.py": "print(1)"}, "first")
    git("tag", "light", cwd=work)
    git("tag", "-a", "-m", "release", "v1.0", cwd=work)
    (work / "link").symlink_to("page.html")
    second = commit_files(work, {"page.html": "two", "big.bin": b"x" * 1_500_000}, "second")
    git("switch", "-q", "-c", "feature/dev", first, cwd=work)
    dev = commit_files(work, {"page.html": "dev"}, "dev")
    git("switch", "-q", "main", cwd=work)
    bare = root / "served" / "owner" / "app.git"
    git("clone", "-q", "--bare", str(work), str(bare), cwd=root)
    git("config", "uploadpack.allowFilter", "true", cwd=bare)
    git("update-server-info", cwd=bare)
    git("init", "-q", "--bare", "-b", "main", str(root / "served" / "empty.git"), cwd=root)
    git("update-server-info", cwd=root / "served" / "empty.git")
    return Origin(root / "served", bare, first, second, dev)


@pytest.fixture(scope="session")
def daemon_url(origin: Origin) -> Iterator[str]:
    with git_daemon(origin.root) as url:
        yield url


@pytest.fixture(scope="session")
def http_url(origin: Origin) -> Iterator[str]:
    with dumb_http(origin.root) as url:
        yield url
