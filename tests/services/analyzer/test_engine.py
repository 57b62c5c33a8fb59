"""The engine as a whole: what the user wrote, plain sites, other languages, plans as values."""

import inspect
import re
from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of, start_of, write

from autodeploy.services.analyzer.engine import analyze
from autodeploy.services.analyzer.plan import AppKind, NothingToRun, Plan
from autodeploy.services.analyzer.tree import FolderTree


def test_procfile_outranks_what_would_be_guessed(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "fastapi\nuvicorn",
        "main.py": "from fastapi import FastAPI\napp = FastAPI()",
        "Procfile": "# processes\nweb: gunicorn -k uvicorn.workers.UvicornWorker main:app\n"
        "release: alembic upgrade head\nworker: python jobs.py\n",
    }
    plan = plan_of(tmp_path, files)
    assert start_of(plan) == "gunicorn -k uvicorn.workers.UvicornWorker main:app"
    assert plan.release_command is not None
    assert plan.release_command.command == "alembic upgrade head"
    assert plan.worker_commands["worker"].command == "python jobs.py"
    assert plan.framework is not None
    assert plan.framework.slug == "fastapi"
    assert ("Procfile", 2) in {(fact.file, fact.line) for fact in plan.evidence}


def test_procfile_turns_a_static_build_into_a_server(tmp_path: Path) -> None:
    files = {
        "package.json": '{"devDependencies": {"vite": "6"}, "scripts": {"build": "vite build"}}',
        "Procfile": "web: npx serve dist -l $PORT",
    }
    spec = plan_of(tmp_path, files).build_spec()
    assert (spec.kind, spec.output_directory, spec.spa_fallback) == ("server", None, False)
    assert spec.build_command == "npm run build"


def test_procfile_without_web_is_a_worker(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "redis", "Procfile": "worker: python w.py\n"})
    assert (plan.kind, start_of(plan)) == (AppKind.WORKER, "python w.py")


def test_procfile_alone_tells_the_language(tmp_path: Path) -> None:
    assert plan_of(tmp_path, {"Procfile": "web: node web\n"}).language == "node"


def test_page_in_public_is_served_from_there(tmp_path: Path) -> None:
    assert plan_of(tmp_path, {"public/index.html": ""}).output_directory == "public"


@pytest.mark.parametrize(
    ("files", "language"),
    [
        ({"go.mod": "module x", "index.html": ""}, "go"),
        ({"Gemfile": "", "package.json": "{}"}, "ruby"),
        ({"App.csproj": ""}, "dotnet"),
    ],
)
def test_language_without_records_is_named_and_the_plan_abstains(
    tmp_path: Path, files: dict[str, str], language: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.framework, plan.abstained) == (language, None, True)


def test_plan_that_abstains_says_what_would_settle_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"package.json": '{"name": "x"}'})
    assert plan.abstained
    assert any("Procfile" in warning for warning in plan.warnings)


def test_nothing_to_run_is_refused_with_a_remedy() -> None:
    with pytest.raises(NothingToRun) as refused:
        Plan().build_spec()
    assert refused.value.remedy is not None
    assert "Procfile" in refused.value.remedy


@pytest.mark.parametrize("by_alias", [True, False])
def test_plan_survives_being_stored(tmp_path: Path, by_alias: bool) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "flask", "app.py": "app = Flask(__name__)"})
    stored = plan.model_dump(mode="json", by_alias=by_alias)
    assert Plan.model_validate(stored) == plan


def test_same_tree_gives_the_same_plan(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import os\nos.environ['B']\nos.environ['A']", "main.py": ""})
    assert analyze(FolderTree(tmp_path)) == analyze(FolderTree(tmp_path))


def test_framework_and_commands_read_no_module_that_nothing_points_at(tmp_path: Path) -> None:
    modules = {f"src/module{number}.py": "x = 1\n" for number in range(200)}
    app = {"requirements.txt": "flask\n", "app.py": "from flask import Flask\napp = Flask('')"}
    write(tmp_path, modules | app)
    tree = FolderTree(tmp_path, missing=frozenset(modules))
    assert analyze(tree, with_variables=False).framework is not None
    assert tree.asked_for == set()


def test_nothing_but_the_tree_touches_files_or_starts_programs() -> None:
    engine = Path(inspect.getfile(analyze)).parent
    folders = ("declared", "entries", "frameworks", "needs", "packages", "variables")
    modules = [path for folder in folders for path in (engine / folder).rglob("*.py")]
    modules += [engine / f"{name}.py" for name in ("engine", "evidence", "matcher")]
    reaching = re.compile(
        r"(?m)^\s*(import|from) (os|io|pathlib|subprocess|shutil|importlib)\b|\bopen\("
    )
    assert [path.name for path in modules if reaching.search(path.read_text())] == []
