"""Whatever goes wrong, there is something to do about it."""

import pytest

from autodeploy.kernel.errors import (
    AutoDeployError,
    DeploymentFailed,
    NotFound,
    TooManyRequests,
    Unavailable,
)


@pytest.mark.parametrize("kind", [AutoDeployError, NotFound, Unavailable, DeploymentFailed])
def test_an_error_without_a_remedy_of_its_own_has_the_usual_one(
    kind: type[AutoDeployError],
) -> None:
    assert kind("It failed.").remedy == kind.usual_remedy
    assert kind("It failed.", remedy="Do this.").remedy == "Do this."


def test_a_rate_limit_says_how_long_to_wait() -> None:
    assert "12 s" in TooManyRequests("Too many.", retry_after_seconds=12).remedy
