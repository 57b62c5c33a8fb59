"""A process that may open no more files is recognised, whoever finds it out."""

import errno
import os
import resource
from pathlib import Path

import pytest

from autodeploy.kernel.descriptors import is_exhaustion
from autodeploy.kernel.objects import ObjectStore


@pytest.mark.parametrize(
    ("number", "exhausted"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.EACCES, False)]
)
def test_error_of_the_system_is_recognised_by_its_number(number: int, exhausted: bool) -> None:
    assert is_exhaustion(OSError(number, os.strerror(number))) is exhausted


async def test_error_of_the_object_store_is_recognised(tmp_path: Path) -> None:
    store = ObjectStore.open(f"file://{tmp_path}")
    await store.put_bytes("a/b", b"content")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(Exception, match="os error 24") as failure:
            await store.get_bytes("a/b")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert is_exhaustion(failure.value)
