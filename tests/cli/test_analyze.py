"""``analyze`` says what a folder or a repository is, without a platform."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import run
from tests.kernel.git.servers import commit_files, git, git_daemon
from tests.services.analyzer.archives import FLASK
from tests.services.analyzer.trees import plan_of, write

from autodeploy.cli import analyze
from autodeploy.cli.plan_view import print_plan
from autodeploy.services.analyzer import engine
from autodeploy.services.analyzer.plan import AppKind, Plan
from autodeploy.services.analyzer.schemas import AnalysisView
from autodeploy.services.analyzer.tree import FolderTree

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(folder.name for folder in EXAMPLES.iterdir() if folder.is_dir())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, str]]:
    """The URL of a git server, the folder that it serves, and the first commit of ``shop``."""
    root = tmp_path_factory.mktemp("served")
    for name in ("shop", "empty"):
        (root / name).mkdir()
        git("init", "-q", "-b", "trunk", cwd=root / name)
    first = commit_files(root / "shop", {**FLASK, "apps/web/index.html": "<p>"}, "first")
    git("tag", "v1", cwd=root / "shop")
    commit_files(root / "shop", {"Procfile": "web: python app.py --port $PORT\n"}, "second")
    with git_daemon(root) as url:
        yield url, root, first


def test_answer_has_the_keys_of_the_api(tmp_path: Path) -> None:
    done = run(tmp_path, "analyze", str(EXAMPLES / "guestbook"), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    fields = AnalysisView.model_fields.items()
    assert set(answer) == {field.alias or name for name, field in fields}
    assert answer["repository"] == {"id": None, "fullName": "guestbook", "defaultBranch": None}
    assert answer["environmentVariables"][0]["offers"] == ["provision_new"]
    assert answer["recommendations"]["estimatedCost"]["monthly"] == 0
    assert [one["provider"] for one in answer["recommendations"]["alternatives"]] == ["render"]


def test_person_reads_what_was_found_why_and_what_it_costs(tmp_path: Path) -> None:
    done = run(tmp_path, "analyze", str(EXAMPLES / "guestbook"))
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for expected in (
        "Language Python",
        "install pip install -r requirements.txt requirements.txt",
        "DATABASE_URL required, secret database_connection (or provision_new) – main.py:16 "
        "PostgreSQL connection string",
        "PostgreSQL DATABASE_URL depends on psycopg and reads DATABASE_URL",
        "→ this machine this machine 0.00 USD 2026-11-22",
        "Render Render not known 2026-05-04 not connected",
    ):
        assert expected in lines, done.stdout
    assert "Evidence" not in lines


def test_explanation_names_evidence_with_its_line_and_losers_with_the_reason(
    tmp_path: Path,
) -> None:
    manifest = '{\n  "dependencies": {\n    "next": "15",\n    "express": "5"\n  }\n}'
    write(tmp_path, {"package.json": manifest})
    shown = run(tmp_path, "analyze", "--explain").stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "package.json:3 depends on next" in lines
    losers = lines[lines.index("CANDIDATE CONFIDENCE WHY IT LOST") + 1 :]
    assert any(" 0." in one and "Next.js" in one for one in losers), shown


@pytest.mark.parametrize("name", NAMES)
def test_every_example_can_be_shown(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = engine.analyze(FolderTree(EXAMPLES / name))
    print_plan(name, plan, explain=True)
    shown = capsys.readouterr().out
    assert plan.start_command is None or plan.start_command.command in shown
    assert all(one.key in shown for one in plan.environment_variables)


def test_private_app_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan("api", Plan(kind=AppKind.SERVER, private=True, port=3000), explain=False)
    shown = capsys.readouterr().out
    assert "server (port 3000 unless PORT is set), private: only other apps reach it" in shown


def test_what_its_image_alone_starts_is_not_said_to_be_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"main.zig": "", "Dockerfile": "FROM alpine\nCMD /app/main"}
    print_plan("shop", plan_of(tmp_path, files), explain=True)
    shown = capsys.readouterr().out
    assert "whatever its image starts" in shown
    assert "nothing in it is to be run" not in shown


def test_unsure_plan_says_so_and_what_would_settle_it(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "# Nothing to run"})
    shown = run(tmp_path, "analyze").stdout
    assert "not sure" in shown
    assert "would settle it" in shown.partition("Warnings")[2]


def test_repository_of_a_server_is_analysed_at_its_default_branch(
    tmp_path: Path, served: tuple[str, Path, str]
) -> None:
    url, _, first = served
    newest = run(tmp_path, "analyze", f"{url}/shop", "--json")
    assert newest.returncode == 0, newest.stderr
    answer = json.loads(newest.stdout)
    assert (answer["branch"], answer["repository"]["fullName"]) == ("trunk", "shop")
    assert answer["buildConfiguration"]["startCommand"] == "python app.py --port $PORT"
    tagged = json.loads(run(tmp_path, "analyze", f"{url}/shop", "--ref", "v1", "--json").stdout)
    assert (tagged["branch"], tagged["commit"]) == ("v1", first)
    part = json.loads(
        run(tmp_path, "analyze", f"{url}/shop", "--root", "apps/web/", "--json").stdout
    )
    assert (part["rootDirectory"], part["language"]) == ("apps/web", "HTML")


def test_ref_of_a_folder_and_a_bare_repository_are_read_from_git(
    tmp_path: Path, served: tuple[str, Path, str]
) -> None:
    _, root, first = served
    old = json.loads(run(tmp_path, "analyze", str(root / "shop"), "--ref", "v1", "--json").stdout)
    assert (old["commit"], old["framework"]["slug"]) == (first, "flask")
    git("clone", "-q", "--bare", str(root / "shop"), str(tmp_path / "bare.git"), cwd=tmp_path)
    bare = json.loads(run(tmp_path, "analyze", "bare.git", "--json").stdout)
    assert (bare["repository"]["fullName"], bare["framework"]["slug"]) == ("bare", "flask")


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["gone"], "wrong_usage", 2),
        (["ftp://example.com/x"], "wrong_usage", 2),
        (["app", "--root", "none"], "wrong_usage", 2),
        (["app", "--root", "../app"], "wrong_usage", 2),
        (["nothing"], "repository_empty", 1),
        (["app", "--ref", "x"], "ref_not_found", 1),
        (["broken"], "autodeploy_toml_invalid", 1),
        (["{url}/empty"], "repository_empty", 1),
        (["{url}/none"], "repository_not_found", 1),
        (["{url}/shop", "--ref", "none"], "ref_not_found", 1),
    ],
)
def test_what_cannot_be_analysed_is_told_with_a_code(
    tmp_path: Path,
    served: tuple[str, Path, str],
    arguments: list[str],
    code: str,
    exit_code: int,
) -> None:
    (tmp_path / "nothing").mkdir()
    write(tmp_path, {"app/index.html": "<p>", "broken/autodeploy.toml": "x = ["})
    ended = run(tmp_path, "analyze", *(one.format(url=served[0]) for one in arguments), "--json")
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (exit_code, code)


def test_prices_of_the_administrator_are_shown_and_a_broken_file_of_them_refused(
    tmp_path: Path,
) -> None:
    shutil.copytree(EXAMPLES / "guestbook", tmp_path / "app")
    price = {"monthly_cents": 1250, "source": "our contract", "as_of": "2026-11-20"}
    write(tmp_path, {"prices.json": json.dumps({"render.postgresql": price})})
    done = run(tmp_path, "analyze", "app", AUTODEPLOY_HOME=str(tmp_path))
    assert "19.50 USD" in done.stdout
    write(tmp_path, {"prices.json": "{"})
    refused = run(tmp_path, "analyze", "app", AUTODEPLOY_HOME=str(tmp_path))
    assert refused.returncode == 1
    assert "(prices_invalid)" in refused.stderr


def test_control_characters_of_a_repository_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {"Procfile": "web: echo \x1b[31mred\n"})
    assert "\x1b" not in run(tmp_path, "analyze", "--explain").stdout
    turned = "\u202ename"  # what follows is shown from right to left
    print_plan(turned, Plan(warnings=(turned,), apps=(turned,)), explain=True)
    assert turned not in capsys.readouterr().out


async def test_slow_server_is_shown_to_be_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told, lines = asyncio.Event(), list[str]()

    def say(line: str) -> None:
        lines.append(line)
        told.set()

    async def answer() -> str:
        await told.wait()
        return "files"

    monkeypatch.setattr(analyze, "say", say)
    monkeypatch.setattr(analyze, "_PATIENCE_SECONDS", 0.01)
    assert await analyze._shown(answer(), "Fetching it") == "files"
    assert lines[0].startswith("Fetching it (0.")
