import pytest

from autodeploy.cli.user import projects
from autodeploy.cli.user.client import Api, Json


class Listing:
    """An API that has no project, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def items(self, path: str, q: str | None = None) -> list[Json]:
        self.asked.append((path, q))
        return []


@pytest.mark.parametrize(
    ("search", "told"), [("shop", "No project matches 'shop'"), (None, "No projects yet")]
)
def test_search_is_the_platforms_and_an_empty_answer_says_what_was_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    search: str | None,
    told: str,
) -> None:
    listing = Listing()
    monkeypatch.setattr(Api, "connect", lambda: listing)
    projects.run(search, as_json=False)
    assert listing.asked == [("/projects", search)]
    said = capsys.readouterr()
    assert told in said.out + said.err
