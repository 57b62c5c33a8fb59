"""What a static release looks like to the proxy's user."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from autodeploy.providers.local.errors import ArtifactUnusable
from autodeploy.providers.local.publication import publish

MakeSource = Callable[[dict[str, str]], Path]


def _release(source: MakeSource, *fingerprinted: str, **more: str) -> Path:
    listed = json.dumps({"interpreters": [], "fingerprinted": fingerprinted})
    return source({"release.json": listed, "app/a.js": "one", "app/b/c.js": "two", **more})


def test_date_is_the_contents_and_everything_can_be_read(source: MakeSource) -> None:
    first, second = _release(source), _release(source)
    (first / "app/a.js").chmod(0o600)
    (first / "app/b").chmod(0o700)
    (second / "app/a.js").write_text("eno")
    publish(first)
    publish(second)
    dates = [
        (release / name).stat().st_mtime_ns
        for release in (first, second)
        for name in ("app/a.js", "app/b/c.js")
    ]
    assert dates[1] == dates[3]
    assert len(set(dates)) == 3
    assert all(10**18 <= date < 2 * 10**18 for date in dates)
    assert (first / "app/a.js").stat().st_mode & 0o777 == 0o644
    assert (first / "app/b").stat().st_mode & 0o777 == 0o755


def test_only_files_that_are_there_are_marked(source: MakeSource) -> None:
    release = _release(source, "b/c.js", "gone.js", "../release.json", "/etc/hostname", "b")
    publish(release)
    marked = [path for path in (release / "fingerprinted").rglob("*") if path.is_file()]
    assert marked == [release / "fingerprinted/b/c.js"]


def test_release_of_an_older_version_is_published(source: MakeSource) -> None:
    release = source({"release.json": '{"interpreters": []}', "app/index.html": "old"})
    publish(release)
    assert not (release / "fingerprinted").exists()


def test_link_that_leaves_the_release_is_refused(source: MakeSource) -> None:
    release = _release(source)
    (release / "app/out").symlink_to("/etc")
    with pytest.raises(ArtifactUnusable, match="app/out"):
        publish(release)
