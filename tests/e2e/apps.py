"""Small apps of the kinds that people bring, each answering with a text of its own."""

from pathlib import Path

# Answers with TEXT and what else the tests ask for; needs nothing but Python.
_SERVER = """
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = {text!r}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.5)
        asked = self.path.startswith("/env/")
        body = (os.environ.get(self.path[5:], "") if asked else TEXT).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


print("secret at start:", os.environ.get("API_KEY"), flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

# A build backend that lives in the package itself: pip runs it, and needs nothing for it.
# An app that does not install needs no pip, which takes seconds to be made.
NOTHING_TO_INSTALL = {"autodeploy.toml": 'install = ""\n'}

_BUILD = """
import subprocess, sys

program = "import time; time.sleep(float({seconds!r}))"
subprocess.run([sys.executable, "-c", program, {marker!r}], check=True)
"""

_FASTAPI = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def index() -> dict[str, str]:
    return {{"framework": "fastapi", "text": {text!r}}}
"""

_DJANGO_SETTINGS = """
import os

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-this-test")
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_of_test.urls"
WSGI_APPLICATION = "site_of_test.wsgi.application"
INSTALLED_APPS = []
MIDDLEWARE = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
"""

_DJANGO_URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse({text!r}))]
"""

_DJANGO_WSGI = """
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_of_test.settings")
application = get_wsgi_application()
"""

_DJANGO_MANAGE = """
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_of_test.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.lstrip("\n"))
    return folder


def static_site(folder: Path, text: str) -> Path:
    return write(folder, {"index.html": f"<!doctype html><title>t</title><h1>{text}</h1>\n"})


def procfile_app(folder: Path, text: str) -> Path:
    files = {"Procfile": "web: python server.py\n", "server.py": _SERVER.format(text=text)}
    return write(folder, files | NOTHING_TO_INSTALL)


def slow_build_app(folder: Path, text: str, marker: str, seconds: float) -> Path:
    """The Procfile app, whose build runs a process that has ``marker`` as an argument."""
    procfile_app(folder, text)
    return write(
        folder,
        {
            "autodeploy.toml": 'install = ""\nbuild = "python build.py"\n',
            "build.py": _BUILD.format(seconds=seconds, marker=marker),
        },
    )


def fastapi_app(folder: Path, text: str) -> Path:
    files = {"main.py": _FASTAPI.format(text=text), "requirements.txt": "fastapi\nuvicorn\n"}
    return write(folder, files)


def django_app(folder: Path, text: str) -> Path:
    return write(
        folder,
        {
            "manage.py": _DJANGO_MANAGE,
            "requirements.txt": "django\ngunicorn\n",
            "site_of_test/__init__.py": "",
            "site_of_test/settings.py": _DJANGO_SETTINGS,
            "site_of_test/urls.py": _DJANGO_URLS.format(text=text),
            "site_of_test/wsgi.py": _DJANGO_WSGI,
        },
    )
