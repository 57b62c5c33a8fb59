"""Frameworks of Python."""

from dataclasses import replace

from autodeploy.services.analyzer.matcher import (
    Content,
    Dependency,
    File,
    FrameworkRecord,
    PythonApp,
    Way,
)
from autodeploy.services.analyzer.plan import AppKind

_UVICORN = PythonApp(
    constructors=("FastAPI",),
    server="uvicorn",
    server_in=("uvicorn", "fastapi[standard]", "fastapi[all]"),
    folder_option="--app-dir",
    start="uvicorn {app}{folder} --host 0.0.0.0 --port $PORT",
    start_factory="uvicorn --factory {app}{folder} --host 0.0.0.0 --port $PORT",
)

_STARLETTE = replace(
    _UVICORN, constructors=("Starlette",), server_in=("uvicorn", "starlette[standard]")
)

_LITESTAR = replace(
    _UVICORN, constructors=("Litestar",), server_in=("uvicorn", "litestar[standard]")
)

_GUNICORN = PythonApp(
    constructors=("Flask", "APIFlask", "OpenAPI"),
    server="gunicorn",
    server_in=("gunicorn",),
    folder_option="--chdir",
    start="gunicorn --bind 0.0.0.0:$PORT{folder} {app}",
    start_factory="gunicorn --bind 0.0.0.0:$PORT{folder} '{app}()'",
)

_PYRAMID = replace(_GUNICORN, constructors=("make_wsgi_app",))

_FASTHTML = replace(
    _UVICORN, constructors=("FastHTML", "fast_app"), server_in=("uvicorn", "python-fasthtml")
)

# Clients of chat services: what they make listens nowhere.
_BOTS = (
    "discord-py", "py-cord", "nextcord", "disnake", "hikari", "python-telegram-bot", "aiogram",
    "pytelegrambotapi", "telethon", "pyrogram", "twitchio",
)  # fmt: skip

# Front ends, scripts and manuals that lie beside a Python app in one folder.
_BESIDE = frozenset({"vite", "webpack", "express", "node", "python-bot", "mkdocs"})

RECORDS = (
    FrameworkRecord(
        slug="wagtail",
        name="Wagtail",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.wagtail.org/en/stable/deployment/",
        package="wagtail",
        ways=(
            Way(0.985, (Dependency("wagtail"), File("manage.py"))),
            Way(0.93, (Dependency("wagtail"), File("*/manage.py"))),
        ),
        supersedes=_BESIDE | {"django"},
        python_app=_GUNICORN,
        port=8000,
    ),
    FrameworkRecord(
        slug="django",
        name="Django",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.djangoproject.com/en/stable/howto/deployment/wsgi/gunicorn/",
        package="django",
        ways=(
            Way(0.99, (Dependency("django"), File("manage.py"))),
            Way(0.975, (Content("manage.py", "DJANGO_SETTINGS_MODULE"),)),
            Way(0.94, (Content("*/manage.py", "DJANGO_SETTINGS_MODULE"),)),
            Way(0.75, (Dependency("django"),)),
        ),
        supersedes=_BESIDE | {"fastapi", "flask", "starlette"},
        python_app=_GUNICORN,
        port=8000,
    ),
    FrameworkRecord(
        slug="fastapi",
        name="FastAPI",
        language="python",
        kind=AppKind.SERVER,
        source="https://fastapi.tiangolo.com/deployment/manually/",
        package="fastapi",
        ways=(
            Way(0.985, (Dependency("fastapi"), Content("*.py", r"\bFastAPI\("))),
            Way(0.975, (Dependency("fastapi"), Content("app/*.py", r"\bFastAPI\("))),
            Way(0.975, (Dependency("fastapi"), Content("src/*.py", r"\bFastAPI\("))),
            Way(0.9, (Dependency("fastapi"),)),
            Way(0.85, (Content("*.py", r"(?m)^(from|import) fastapi\b"),)),
        ),
        supersedes=_BESIDE | {"starlette"},
        python_app=_UVICORN,
        port=8000,
    ),
    FrameworkRecord(
        slug="flask",
        name="Flask",
        language="python",
        kind=AppKind.SERVER,
        source="https://flask.palletsprojects.com/en/stable/deploying/gunicorn/",
        package="flask",
        ways=(
            Way(0.98, (Dependency("flask"), Content("*.py", r"\bFlask\("))),
            Way(0.97, (Dependency("flask"), Content("app/*.py", r"\bFlask\("))),
            Way(0.88, (Dependency("flask"),)),
            Way(0.84, (Content("*.py", r"(?m)^(from|import) flask\b"),)),
        ),
        supersedes=_BESIDE,
        python_app=_GUNICORN,
        port=5000,
    ),
    FrameworkRecord(
        slug="fasthtml",
        name="FastHTML",
        language="python",
        kind=AppKind.SERVER,
        source="https://fastht.ml/docs/tutorials/quickstart_for_web_devs.html",
        package="python-fasthtml",
        ways=(
            Way(0.98, (Dependency("python-fasthtml"),)),
            Way(0.9, (Content("*.py", r"(?m)^(from|import) fasthtml\b"),)),
        ),
        supersedes=_BESIDE | {"starlette"},
        # Its ``serve()`` listens on $PORT.
        start_command="python {file}",
        python_app=_FASTHTML,
        port=5001,
    ),
    FrameworkRecord(
        slug="starlette",
        name="Starlette",
        language="python",
        kind=AppKind.SERVER,
        source="https://www.starlette.dev/",
        package="starlette",
        ways=(
            Way(0.975, (Dependency("starlette"), Content("*.py", r"\bStarlette\("))),
            Way(0.94, (Dependency("starlette"), Content("*/*.py", r"\bStarlette\("))),
            Way(0.8, (Dependency("starlette"),)),
            Way(0.84, (Content("*.py", r"(?m)^from starlette\.applications import"),)),
        ),
        supersedes=_BESIDE,
        python_app=_STARLETTE,
        port=8000,
    ),
    FrameworkRecord(
        slug="litestar",
        name="Litestar",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.litestar.dev/latest/topics/deployment/",
        package="litestar",
        ways=(
            Way(0.98, (Dependency("litestar"),)),
            Way(0.85, (Content("*.py", r"(?m)^(from|import) litestar\b"),)),
        ),
        supersedes=_BESIDE | {"starlette"},
        python_app=_LITESTAR,
        port=8000,
    ),
    FrameworkRecord(
        slug="pyramid",
        name="Pyramid",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.pylonsproject.org/projects/pyramid/en/latest/narr/startup.html",
        package="pyramid",
        ways=(
            Way(0.975, (Dependency("pyramid"),)),
            Way(0.9, (Content("*/config.py", r"(?m)^from pyramid\.config import Configurator"),)),
            Way(0.9, (Content("*/__init__.py", r"(?m)^from pyramid\.config import Config"),)),
            Way(0.85, (Content("*.py", r"(?m)^from pyramid\b"),)),
        ),
        supersedes=_BESIDE,
        python_app=_PYRAMID,
        port=6543,
    ),
    FrameworkRecord(
        slug="streamlit",
        name="Streamlit",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.streamlit.io/deploy/tutorials",
        package="streamlit",
        ways=(
            Way(0.975, (Dependency("streamlit"), Content("*.py", r"(?m)^import streamlit"))),
            Way(0.86, (Dependency("streamlit"),)),
        ),
        start_command="streamlit run {file} --server.port $PORT --server.address 0.0.0.0 "
        "--server.headless true",
        port=8501,
    ),
    FrameworkRecord(
        slug="gradio",
        name="Gradio",
        language="python",
        kind=AppKind.SERVER,
        source="https://www.gradio.app/docs/gradio/interface",
        package="gradio",
        ways=(
            Way(0.97, (Dependency("gradio"), Content("*.py", r"(?m)^(import|from) gradio"))),
            Way(0.86, (Dependency("gradio"),)),
        ),
        start_command="GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=$PORT python {file}",
        port=7860,
    ),
    FrameworkRecord(
        slug="python",
        name="Python",
        language="python",
        kind=AppKind.SERVER,
        source="https://docs.python.org/3/using/cmdline.html",
        generic=True,
        ways=(
            Way(0.8, (File("requirements.txt"), File("main.py"))),
            Way(0.8, (File("requirements.txt"), File("app.py"))),
            Way(0.8, (File("pyproject.toml"), File("main.py"))),
            Way(0.7, (File("main.py"),)),
            Way(0.7, (File("app.py"),)),
            Way(0.66, (File("pyproject.toml"),)),
            Way(0.66, (File("requirements.txt"),)),
            Way(0.66, (File("Pipfile"),)),
            Way(0.62, (File("setup.py"),)),
            # What is resolved to requirements, or from a Pipfile; others have such files for tools.
            *(
                Way(0.35, (File(path),))
                for path in ("requirements*.txt", "requirements*.in", "Pipfile.lock")
            ),
            Way(0.5, (File("*.py"),)),
        ),
    ),
    FrameworkRecord(
        slug="python-bot",
        name="Bot",
        language="python",
        kind=AppKind.BOT,
        source="https://discordpy.readthedocs.io/en/stable/quickstart.html",
        generic=True,
        ways=tuple(Way(0.86, (Dependency(library),)) for library in _BOTS),
        supersedes=frozenset({"python"}),
    ),
)
