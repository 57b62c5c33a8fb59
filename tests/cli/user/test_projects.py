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


class Shop:
    """An API with one project, which is live."""

    def __init__(self, *, private: bool):
        environment = {
            "name": "production", "provider": "local", "url": "http://127.0.0.1:3001",
            "localUrl": "http://127.0.0.1:3001", "private": private, "liveDeploymentId": "id",
        }  # fmt: skip
        self.project: Json = {
            "id": "1", "slug": "shop", "name": "shop", "organizationId": "2",
            "environments": [environment],
        }  # fmt: skip

    def items(self, path: str) -> list[Json]:
        return [self.project]


@pytest.mark.parametrize("private", [False, True])
def test_private_app_is_not_opened_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], private: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Api, "connect", lambda: Shop(private=private))
    monkeypatch.setattr(projects, "_has_display", lambda: True)
    monkeypatch.setattr(projects.webbrowser, "open", opened.append)
    projects.open_in_browser("shop", "production", as_json=False)
    assert opened == ([] if private else ["http://127.0.0.1:3001"])
    assert ("PRIVATE" in capsys.readouterr().out) == private
