"""What a step raised, as the user is told of it."""

import errno
from uuid import uuid4

import pytest

from autodeploy.kernel.errors import NotFound
from autodeploy.services.deployer.errors import as_failure


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk_full"),
        (RuntimeError("Generic store error: No space left on device (os error 28)"), "disk_full"),
        (OSError(errno.EMFILE, "Too many open files"), "too_few_files"),
        (KeyError("secret"), "internal_error"),
        (NotFound("No such repository."), "not_found"),
    ],
)
def test_a_step_s_exception_gets_its_code_and_a_remedy(raised: Exception, code: str) -> None:
    failure = as_failure(raised, "build_application", uuid4())

    assert failure.code == code
    assert failure.remedy
    assert "secret" not in failure.message
