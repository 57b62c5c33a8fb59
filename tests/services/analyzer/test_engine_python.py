"""Python repositories: package manager, entry point, commands, runtime."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import install_of, plan_of, start_of

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("files", "start"),
    [
        ({"main.py": FASTAPI}, "uvicorn main:app --host 0.0.0.0 --port $PORT"),
        ({"app/main.py": FASTAPI, "app/__init__.py": ""},
         "uvicorn app.main:app --host 0.0.0.0 --port $PORT"),
        ({"backend/main.py": "import db\n" + FASTAPI, "backend/db.py": ""},
         "uvicorn main:app --app-dir backend --host 0.0.0.0 --port $PORT"),
        ({"src/shop/api.py": FASTAPI, "src/shop/__init__.py": ""},
         "uvicorn shop.api:app --app-dir src --host 0.0.0.0 --port $PORT"),
        ({"service.py": "from fastapi import FastAPI\nweb: FastAPI = FastAPI(title='x')\n"},
         "uvicorn service:web --host 0.0.0.0 --port $PORT"),
        ({"main.py": "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"},
         "uvicorn --factory main:create_app --host 0.0.0.0 --port $PORT"),
        ({"main.py": "import core\nprint('cli')\n", "server.py": FASTAPI},
         "uvicorn server:app --host 0.0.0.0 --port $PORT"),
    ],
)  # fmt: skip
def test_fastapi_application_is_found_where_it_is_made(
    tmp_path: Path, files: dict[str, str], start: str
) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "fastapi\nuvicorn\n", **files})
    assert start_of(plan) == start


def test_server_that_no_dependency_brings_is_added_and_said(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "fastapi==0.100\n", "main.py": FASTAPI})
    assert install_of(plan) == "pip install -r requirements.txt uvicorn"
    assert plan.install_command is not None
    assert "uvicorn is added" in plan.install_command.reason


@pytest.mark.parametrize("line", ["fastapi[standard]", "fastapi\nuvicorn[standard]==0.30"])
def test_server_that_a_dependency_brings_is_not_added(tmp_path: Path, line: str) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": line, "main.py": FASTAPI})
    assert install_of(plan) == "pip install -r requirements.txt"


def test_server_beside_hashed_requirements_is_installed_on_its_own(tmp_path: Path) -> None:
    requirements = "flask==3.1.0 \\\n    --hash=sha256:00\n"
    plan = plan_of(tmp_path, {"requirements.txt": requirements, "app.py": FLASK})
    assert install_of(plan) == "pip install -r requirements.txt && pip install gunicorn"
    assert plan.framework is not None
    assert plan.framework.version == "3.1.0"


def test_flask_factory_is_called_by_gunicorn(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"
    plan = plan_of(tmp_path, {"requirements.txt": "flask\ngunicorn", "shop/__init__.py": factory})
    assert start_of(plan) == "gunicorn --bind 0.0.0.0:$PORT 'shop:create_app()'"


def test_flask_app_that_flaskenv_names_comes_first(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask\ngunicorn", ".flaskenv": "FLASK_APP=blog.py",
             "app.py": FLASK, "blog.py": FLASK}  # fmt: skip
    assert start_of(plan_of(tmp_path, files)) == "gunicorn --bind 0.0.0.0:$PORT blog:app"


def django(settings: str = "", folder: str = "") -> dict[str, str]:
    return {
        f"{folder}requirements.txt": "Django==5.1\ngunicorn\n",
        f"{folder}manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_.settings')",
        f"{folder}site_/settings.py": settings,
        f"{folder}site_/wsgi.py": "application = get_wsgi_application()",
    }


def test_django_project_migrates_as_its_release(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, django("DATABASES = {}\n"))
    assert start_of(plan) == "gunicorn --bind 0.0.0.0:$PORT site_.wsgi:application"
    assert plan.release_command is not None
    assert plan.release_command.command == "python manage.py migrate --noinput"
    assert plan.build_command is None


def test_django_without_a_database_has_nothing_to_migrate(tmp_path: Path) -> None:
    assert plan_of(tmp_path, django("DEBUG = False\n")).release_command is None
    assert plan_of(tmp_path, django("from site_.common import *\n")).release_command is not None


def test_django_collects_static_files_when_the_settings_name_a_place(tmp_path: Path) -> None:
    settings = 'STATIC_ROOT = "static"\nMIDDLEWARE = ["whitenoise"]\n'
    plan = plan_of(tmp_path, django(settings))
    assert plan.build_command is not None
    assert plan.build_command.command == "python manage.py collectstatic --noinput"


def test_django_without_allowed_hosts_is_warned_of(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, django("DEBUG = False\nALLOWED_HOSTS = []\n"))
    assert any("ALLOWED_HOSTS" in warning for warning in plan.warnings)


def test_django_with_a_front_end_build_stays_django(tmp_path: Path) -> None:
    files = {**django(), "package.json": '{"devDependencies": {"vite": "6"}, "scripts": '
             '{"build": "vite build"}}'}  # fmt: skip
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert plan.framework.slug == "django"
    assert "vite" in {candidate.slug for candidate in plan.candidates}
    assert plan.build_command is not None
    assert plan.build_command.command.startswith("npm run build")


@pytest.mark.parametrize(
    ("files", "manager", "install"),
    [
        ({"requirements.txt": "x"}, "pip", "pip install -r requirements.txt"),
        ({"pyproject.toml": "[project]\nname='x'\n"}, "pip", "pip install ."),
        ({"pyproject.toml": "[project]\nname='x'\n", "uv.lock": "version = 1"}, "uv",
         "uv sync --frozen --no-dev"),
        ({"pyproject.toml": "[tool.poetry]\nname='x'\n"}, "poetry",
         "poetry install --only main --no-root"),
        ({"requirements.txt": "x", "poetry.lock": "", "pyproject.toml": "[tool.poetry]"}, "poetry",
         "poetry install --only main --no-root"),
        ({"pyproject.toml": "[tool.pdm]\n"}, "pdm", "pdm install --prod --no-self"),
        ({"pyproject.toml": "[tool.pdm]\n", "pdm.lock": ""}, "pdm",
         "pdm install --prod --no-self --check"),
        ({"Pipfile": "[packages]\n", "Pipfile.lock": "{}"}, "pipenv", "pipenv install --deploy"),
        ({"setup.py": "setup(install_requires=['requests'])"}, "pip", "pip install ."),
    ],
)  # fmt: skip
def test_package_manager_follows_from_the_files(
    tmp_path: Path, files: dict[str, str], manager: str, install: str
) -> None:
    plan = plan_of(tmp_path, {"main.py": "print()", **files})
    assert plan.package_manager == manager
    assert install_of(plan) == install


def test_the_manifest_beside_a_lock_file_decides_too(tmp_path: Path) -> None:
    """Changed alone it must not find the dependencies that were kept for the lock file."""
    plan = plan_of(tmp_path, {"Pipfile": "[packages]\n", "Pipfile.lock": "{}"})
    assert plan.lock_files == ("Pipfile.lock", "Pipfile")


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({".python-version": "3.12\n", "runtime.txt": "python-3.11.4"}, "3.12"),
        ({"runtime.txt": "python-3.11.4", "pyproject.toml": "[project]\nrequires-python='>=3.9'"},
         "3.11.4"),
        ({".tool-versions": "nodejs 20\npython 3.13.1\n"}, "3.13.1"),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.9'"}, ">=3.9"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.10'"}, "^3.10"),
        ({"Pipfile": "[requires]\npython_version = '3.9'"}, "3.9"),
        ({}, None),
    ],
)  # fmt: skip
def test_runtime_version_comes_from_the_most_exact_file(
    tmp_path: Path, files: dict[str, str], version: str | None
) -> None:
    plan = plan_of(tmp_path, {"main.py": "print()", **files})
    assert plan.runtime is not None
    assert plan.runtime.version_request == version


def test_script_with_a_fixed_port_is_warned_of(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"main.py": "import aiohttp\nrun(port=5000)\n"})
    assert start_of(plan) == "python main.py"
    assert plan.warnings == ("main.py listens on port 5000; it should listen on $PORT.",)


def test_library_without_an_entry_point_abstains(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"pyproject.toml": "[project]\nname='x'\n", "x/__init__.py": ""})
    assert plan.kind == "library"
    assert plan.abstained


def test_client_of_a_chat_service_is_a_bot_and_needs_no_port(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "discord.py==2.4", "bot.py": "import discord"})
    assert (plan.kind, plan.framework, start_of(plan)) == ("bot", None, "python bot.py")
    assert plan.build_spec().kind == "worker"


def test_django_with_an_asgi_module_alone_is_served_by_uvicorn(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "django\nuvicorn",
        "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')",
        "shop/settings.py": "DATABASES = {}",
        "shop/asgi/__init__.py": "application = get_asgi_application()",
    }
    start = "uvicorn shop.asgi:application --host 0.0.0.0 --port $PORT"
    assert start_of(plan_of(tmp_path, files)) == start


def test_package_that_is_no_application_is_started_by_its_script(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"requirements.txt": "flask\n", "main.py": "print('hello')\n"})
    assert start_of(plan) == "python main.py"
    assert plan.abstained  # nothing shows that Flask is served


def test_package_with_a_main_module_is_run_by_its_name(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask\n", "my-shop/__main__.py": FLASK}
    assert start_of(plan_of(tmp_path, files)) == "python -m my-shop"


@pytest.mark.parametrize(
    ("wsgi", "name"),
    [
        ("from shop.app import create_app\n\napp = create_app()\n", "app"),
        ("from shop.app import web as application\n", "application"),
        ("from shop import app\n\napplication = app.wrapped(app)\n", "application"),
    ],
)
def test_module_for_servers_names_an_application_that_is_made_elsewhere(
    tmp_path: Path, wsgi: str, name: str
) -> None:
    made = (
        "from flask import Flask\nclass Shop(Flask): ...\ndef create_app():\n    return Shop('')\n"
    )
    files = {"requirements.txt": "flask\ngunicorn\n", "shop/app.py": made, "shop/wsgi.py": wsgi}
    start = f"gunicorn --bind 0.0.0.0:$PORT shop.wsgi:{name}"
    assert start_of(plan_of(tmp_path, files)) == start


@pytest.mark.parametrize(
    ("last", "start"),
    [
        ("serve()\n", "python main.py"),
        ('if __name__ == "__main__": serve()\n', "python main.py"),
        ("", "uvicorn main:app --host 0.0.0.0 --port $PORT"),
    ],
)
def test_fasthtml_without_a_server_of_its_own_is_served(
    tmp_path: Path, last: str, start: str
) -> None:
    code = f"from fasthtml.common import *\n\napp, rt = fast_app()\n\n{last}"
    plan = plan_of(tmp_path, {"requirements.txt": "python-fasthtml\n", "main.py": code})
    assert (start_of(plan), install_of(plan)) == (start, "pip install -r requirements.txt")


@pytest.mark.parametrize(
    ("manifest", "start"),
    [
        ('[tool.poetry.scripts]\nstart = "shop.server:run"', "poetry run start"),
        ('[project]\nname = "shop"\n[project.scripts]\nserve = "shop.server:run"', "serve"),
        ('[project]\nname = "shop"\n[project.scripts]\nshop = "shop.cli:run"', None),
    ],
)
def test_script_of_the_project_that_starts_a_server_is_its_start(
    tmp_path: Path, manifest: str, start: str | None
) -> None:
    files = {"pyproject.toml": manifest, "shop/server.py": ""}
    assert start_of(plan_of(tmp_path, files)) == start


@pytest.mark.parametrize("file", ["requirements.in", "requirements.frozen.txt", "Pipfile.lock"])
def test_what_requirements_are_resolved_from_or_to_tells_the_language(
    tmp_path: Path, file: str
) -> None:
    assert plan_of(tmp_path, {file: ""}).language == "python"
    assert plan_of(tmp_path / "b", {file: "", "package.json": "{}"}).language == "node"


@pytest.mark.parametrize("line", ["// 3.12", "not a version!", "\ufffd\ufffd"])
def test_version_file_that_holds_no_version_asks_for_none(tmp_path: Path, line: str) -> None:
    plan = plan_of(tmp_path, {"main.py": "", "requirements.txt": "", ".python-version": line})
    assert plan.runtime is not None
    assert plan.runtime.version_request is None


def test_manual_beside_an_app_is_not_the_app(tmp_path: Path) -> None:
    files = {f"shop/{path}": text for path, text in django().items()}
    files |= {"requirements.txt": "django\nmkdocs\n", "mkdocs.yml": "site_name: shop\n"}
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert plan.framework.slug == "django"


def test_dependencies_of_an_app_may_be_a_group_alone(tmp_path: Path) -> None:
    groups = '[dependency-groups]\ndev = ["streamlit"]\nmain = ["fastapi", "uvicorn"]\n'
    files = {"pyproject.toml": groups, "main.py": "app = FastAPI()\n"}
    plan = plan_of(tmp_path, files)
    assert plan.framework is not None
    assert (plan.framework.slug, plan.package_manager) == ("fastapi", "pip")
    assert install_of(plan) == "pip install --group main"


def test_tool_and_manual_beside_a_package_are_not_the_app(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\n[project]\nname = "tool"\n',
        "mkdocs.yml": "",
        "docs/index.md": "",
        "install-tool.py": 'if __name__ == "__main__":\n    pass\n',
    }
    plan = plan_of(tmp_path, files)
    assert (plan.framework, plan.start_command) == (None, None)
