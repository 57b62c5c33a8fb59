"""A private file is there whole or not at all."""

import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from autodeploy.kernel.private_files import create_private_file, replace_private_file


def test_file_is_ours_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_private_file(path, b"first")
    with pytest.raises(FileExistsError):
        create_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_written_whole_does_not_exist(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            create_private_file(tmp_path / "key", b"longer than four")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_replaced_file_is_private_and_a_reader_meets_the_old_or_the_new(tmp_path: Path) -> None:
    path, link = tmp_path / "key", tmp_path / "link"
    create_private_file(path, b"first")
    link.symlink_to(path)
    reader = path.open("rb")
    replace_private_file(link, b"second")
    assert (reader.read(), path.read_bytes()) == (b"first", b"second")
    reader.close()
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(tmp_path.iterdir()) == {path, link}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_owner_of_a_replaced_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_private_file(path, b"first")
    os.chown(path, 65534, 65534)
    replace_private_file(path, b"second")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_file_that_cannot_be_replaced_whole_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    create_private_file(path, b"first")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        replace_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]
