"""railway, render, fly, railpack, nixpacks and Heroku's app.json: content → what is declared."""

from pathlib import Path

import pytest
from tests.services.analyzer.declared.reading import read, services, values, variables

from autodeploy.services.analyzer.declared.base import Source

RAILWAY = """
{"build": {"builder": "NIXPACKS", "buildCommand": "npm ci && npm run build",
           "nixpacksPlan": {"variables": {"NIXPACKS_NODE_VERSION": "20"}}},
 "deploy": {"startCommand": "node server.js", "preDeployCommand": ["npm run migrate", "npm run x"],
            "healthcheckPath": "up", "cronSchedule": "0 * * * *"}}
"""


def test_railway_json_read_to_commands_and_health_path(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.RAILWAY, {"railway.json": RAILWAY})
    assert values(declared) == {
        "install": "npm ci",
        "build": "npm run build",
        "start": "node server.js",
        "release": "npm run migrate && npm run x",
        "health_path": "/up",
        "runtimes": {"node": "20"},
    }
    assert declared is not None
    assert declared.start is not None
    assert (declared.start.reason, declared.start.line) == ("railway.json: deploy.startCommand", 4)
    assert files.warnings == [
        "railway.json: deploy.cronSchedule is not obeyed: AutoDeploy has no services "
        "that run at their times alone."
    ]


def test_railway_toml_read_like_its_json(tmp_path: Path) -> None:
    text = '[deploy]\nstartCommand = "node x.js"\nhealthcheckPath = "/up"'
    declared, _ = read(tmp_path, Source.RAILWAY, {"railway.toml": text})
    assert values(declared) == {"start": "node x.js", "health_path": "/up"}


def test_railway_start_that_only_an_image_has_is_a_fact_and_no_command(tmp_path: Path) -> None:
    text = '{"deploy": {"startCommand": "/app/bin/server"}}'
    declared, files = read(tmp_path, Source.RAILWAY, {"railway.json": text})
    assert values(declared) == {}
    assert any("/app/bin/server" in fact.fact for fact in files.facts)


RENDER = """
previews: {generation: "off"}
services:
  - type: web
    name: api
    runtime: python
    rootDir: backend
    buildCommand: |
      pip install -r requirements.txt
      python manage.py collectstatic --noinput
    startCommand: gunicorn app:app
    preDeployCommand: python manage.py migrate
    healthCheckPath: /healthz
    disk: {name: data, mountPath: /data, sizeGB: 1}
    envVars:
      - key: PYTHON_VERSION
        value: 3.10
      - key: DATABASE_URL
        fromDatabase: {name: db, property: connectionString}
      - key: CACHE_URL
        fromService: {type: redis, name: cache, property: connectionString}
      - {key: SECRET_KEY, generateValue: true}
      - {key: STRIPE_KEY, sync: false}
      - {key: WORKERS, value: 4}
      - fromGroup: shared
  - type: worker
    name: mailer
    runtime: python
    rootDir: ./backend/
    startCommand: python mail.py
  - {type: cron, name: nightly, rootDir: backend, schedule: "0 0 * * *", startCommand: x}
  - {type: cron, name: oddly, rootDir: backend, schedule: "@odd", startCommand: x}
  - type: web
    name: site
    runtime: static
    rootDir: frontend
    buildCommand: npm run build
    staticPublishPath: ./dist
    routes:
      - {type: rewrite, source: /*, destination: /index.html}
  - {type: redis, name: cache, ipAllowList: []}
databases:
  - name: db
"""
FOLDERS = {"render.yaml": RENDER, "backend/app.py": "", "frontend/index.html": ""}


def test_render_yaml_is_read_for_the_service_of_the_folder(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.RENDER, FOLDERS, "backend")
    assert values(declared) == {
        "install": "pip install -r requirements.txt",
        "build": "python manage.py collectstatic --noinput",
        "start": "gunicorn app:app",
        "release": "python manage.py migrate",
        "workers": {"mailer": "python mail.py"},
        "health_path": "/healthz",
        "runtimes": {"python": "3.10"},
    }
    assert variables(declared) == {
        "DATABASE_URL": {"required": True},
        "CACHE_URL": {"required": True},
        "SECRET_KEY": {"required": True, "secret": True},
        "STRIPE_KEY": {"required": True, "secret": True},
        "WORKERS": {"default": "4"},
    }
    assert services(declared) == [("postgresql", "DATABASE_URL"), ("redis", "CACHE_URL")]
    assert declared is not None
    [(name, nightly)] = (declared.crons or {}).items()
    assert (name, nightly.schedule, nightly.command.value) == ("nightly", "0 0 * * *", "x")
    assert any(
        "oddly is not run: its schedule `@odd` cannot be used: has 1 fields" in warning
        for warning in files.warnings
    )
    assert any("services.api.disk is not obeyed" in warning for warning in files.warnings)
    assert declared.start is not None
    assert (declared.start.file, declared.start.line) == ("render.yaml", 11)


def test_render_static_service_is_a_site(tmp_path: Path) -> None:
    declared, _ = read(tmp_path, Source.RENDER, FOLDERS, "frontend")
    assert values(declared) == {
        "kind": "static",
        "build": "npm run build",
        "output_directory": "dist",
        "spa_fallback": True,
    }


def test_render_services_of_other_folders_say_nothing_of_this_one(tmp_path: Path) -> None:
    assert values(read(tmp_path, Source.RENDER, {**FOLDERS, "x/y": ""}, "x")[0]) == {}
    assert values(read(tmp_path, Source.RENDER, FOLDERS)[0]) == {}


def test_render_yaml_with_one_app_elsewhere_names_its_folder(tmp_path: Path) -> None:
    text = "services:\n- {type: web, name: a, rootDir: web, startCommand: node a}\n"
    assert values(read(tmp_path, Source.RENDER, {"render.yaml": text})[0]) == {
        "root_directory": "web"
    }


def test_render_worker_alone_is_the_app(tmp_path: Path) -> None:
    text = "services:\n- {type: worker, name: bot, startCommand: node bot.js}\n"
    assert values(read(tmp_path, Source.RENDER, {"render.yaml": text})[0]) == {
        "kind": "worker",
        "start": "node bot.js",
    }


FLY = """
app = "x"
[build]
dockerfile = "Dockerfile"
[deploy]
release_command = "npx prisma migrate deploy"
[env]
LOG_LEVEL = "info"
PORT = 8080
[processes]
app = "node server.js"
jobs = "node jobs.js"
image = "/app/bin/x"
[http_service]
internal_port = 8080
processes = ["app"]
[[http_service.checks]]
path = "/up"
[mounts]
source = "data"
destination = "/data"
"""


def test_fly_toml_read_to_processes_port_and_checks(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.FLY, {"fly.toml": FLY})
    assert values(declared) == {
        "start": "node server.js",
        "release": "npx prisma migrate deploy",
        "workers": {"jobs": "node jobs.js"},
        "health_path": "/up",
        "port": 8080,
    }
    assert variables(declared) == {"LOG_LEVEL": {"default": "info"}, "PORT": {"default": "8080"}}
    assert files.warnings == ["fly.toml: mounts is not obeyed: AutoDeploy has no volumes."]


def test_fly_services_of_the_older_kind_are_read(tmp_path: Path) -> None:
    text = "processes = []\n[[services]]\ninternal_port = 4000\n[[services.http_checks]]\n"
    text += 'path = "/health"'
    declared, files = read(tmp_path, Source.FLY, {"fly.toml": text})
    assert values(declared) == {"health_path": "/health", "port": 4000}
    assert files.warnings == []


def test_railpack_json_read_to_steps_packages_and_secrets(tmp_path: Path) -> None:
    text = """{"packages": {"node": 22, "python": "latest", "jq": "1"}, "secrets": ["TOKEN"],
      "buildAptPackages": ["ffmpeg"],
      "steps": {"install": {"commands": ["npm ci", {"src": "a", "dest": "b"}]},
                "build": {"commands": ["...", {"cmd": "npm run docs"}]}, "lint": {}},
      "deploy": {"startCommand": "node x.js", "variables": {"MODE": "live"}}}"""
    declared, files = read(tmp_path, Source.RAILPACK, {"railpack.json": text})
    assert values(declared) == {
        "install": "npm ci",
        "build": "... && npm run docs",
        "start": "node x.js",
        "runtimes": {"node": "22", "python": "latest"},
    }
    assert variables(declared) == {
        "MODE": {"default": "live"},
        "TOKEN": {"secret": True, "build": True},
    }
    assert len(files.warnings) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[phases.build]\ncmds = ["a", "b"]', {"build": "a && b"}),
        ('[phases.install]\ncmds = ["...", "b"]', {"install": "... && b"}),
        ('[start]\ncmd = "node x.js"', {"start": "node x.js"}),
        ('[variables]\nNIXPACKS_PYTHON_VERSION = "3.12"', {"runtimes": {"python": "3.12"}}),
        ('[phases.setup]\nnixPkgs = ["...", "nodejs-18_x"]', {"runtimes": {"node": "18"}}),
        ('[phases.setup]\nnixPkgs = ["python311"]', {"runtimes": {"python": "3.11"}}),
        ('[phases.setup]\nnixPkgs = ["go_1_21", "jq"]', {"runtimes": {"go": "1.21"}}),
        ('providers = ["node"]', {}),
    ],
)
def test_nixpacks_toml_read(tmp_path: Path, text: str, expected: dict[str, object]) -> None:
    assert values(read(tmp_path, Source.NIXPACKS, {"nixpacks.toml": text})[0]) == expected


HEROKU = """
{"name": "x",
 "env": {"PLAIN": "value", "NEEDED": {"description": "Of the gateway"},
         "OPTIONAL": {"required": false}, "MADE": {"generator": "secret"},
         "GIVEN": {"value": "7"}, "bad name": "x"},
 "addons": ["heroku-postgresql:mini", {"plan": "heroku-redis"}, "unheard-of"],
 "scripts": {"postdeploy": "rake db:seed", "dokku": {"predeploy": "rake db:migrate"}},
 "healthchecks": {"web": [{"type": "startup", "path": "/up"}]}}
"""


def test_app_json_read_to_variables_and_services(tmp_path: Path) -> None:
    declared, files = read(tmp_path, Source.HEROKU, {"app.json": HEROKU})
    assert values(declared) == {"release": "rake db:migrate", "health_path": "/up"}
    assert variables(declared) == {
        "PLAIN": {"default": "value"},
        "NEEDED": {"required": True, "description": "Of the gateway"},
        "OPTIONAL": {},
        "MADE": {"required": True, "secret": True},
        "GIVEN": {"default": "7"},
    }
    assert services(declared) == [("postgresql", None), ("redis", None)]
    assert any("unheard-of" in warning for warning in files.warnings)
    assert any("scripts.postdeploy" in warning for warning in files.warnings)


@pytest.mark.parametrize(
    "text",
    [
        '{"expo": {"name": "x"}, "env": {"A": "b"}}',
        '{"name": "App", "displayName": "App"}',
        '{"pages": ["index"], "env": {"A": "b"}}',
    ],
)
def test_app_json_of_another_tool_says_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, Source.HEROKU, {"app.json": text})[0] is None


def test_procfile_names_all_processes(tmp_path: Path) -> None:
    text = "# comment\nweb: node a.js\nrelease: node b.js\nclock: node c.js\nnonsense\n"
    declared, files = read(tmp_path, Source.PROCFILE, {"Procfile": text})
    assert values(declared) == {
        "start": "node a.js",
        "release": "node b.js",
        "workers": {"clock": "node c.js"},
    }
    assert files.warnings == ["Procfile: the line `nonsense` names no process."]
