"""Variables of a whole repository: joined, classified, and only of its own code."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of

from autodeploy.services.analyzer.plan import EnvironmentVariable, VariableType
from autodeploy.services.analyzer.variables import collect
from autodeploy.services.analyzer.variables.classify import is_built_in, is_secret, type_of
from autodeploy.services.analyzer.variables.own_code import is_own_code


def variables_of(folder: Path, files: dict[str, str]) -> dict[str, EnvironmentVariable]:
    return {one.key: one for one in plan_of(folder, files).environment_variables}


def test_reads_and_example_file_are_joined(tmp_path: Path) -> None:
    files = {
        "main.py": 'import os\nA = os.environ["STRIPE_SECRET_KEY"]\nB = os.getenv("SITE_URL")\n',
        ".env.example": "# Key of the payment provider\nSTRIPE_SECRET_KEY=sk_test\n\n"
        "SITE_URL=https://example.com # where it runs\nUNREAD=1\n",
    }
    found = variables_of(tmp_path, files)
    key, url, unread = found["STRIPE_SECRET_KEY"], found["SITE_URL"], found["UNREAD"]
    assert (key.required, key.secret, key.default) == (True, True, None)
    assert (key.description, key.file, key.line) == ("Key of the payment provider", "main.py", 2)
    assert (url.type, url.description, url.required) == ("url", "where it runs", False)
    assert (unread.file, unread.line, unread.required) == (".env.example", 5, False)


def test_key_that_is_put_together_counts_only_where_some_file_spells_it(tmp_path: Path) -> None:
    code = (
        "package main\ntype C struct { Port int; Host string }\nvar c C\n"
        'func main() { envconfig.Process("app", &c) }\n'
    )
    files = {"go.mod": "module a\n", "main.go": code, "README.md": "Set `APP_PORT`."}
    assert set(variables_of(tmp_path, files)) == {"APP_PORT"}


def test_settings_structs_under_a_prefix_are_read_where_spelled(tmp_path: Path) -> None:
    code = (
        "#[derive(Deserialize)] struct Database { url: String }\n"
        "#[derive(Deserialize)] struct Settings { port: u16, database: Database, host: String }\n"
        'fn main() { Environment::with_prefix("app").separator("__"); }\n'
    )
    files = {
        "Cargo.toml": '[package]\nname = "a"\n',
        "src/main.rs": code,
        "README.md": "`APP__PORT`, `APP__DATABASE__URL`",
    }
    assert set(variables_of(tmp_path, files)) == {"APP__PORT", "APP__DATABASE__URL"}


@pytest.mark.parametrize(
    "path",
    ["tests/app.py", "test_app.py", "conftest.py", "node_modules/x/app.py", "vendor/app.py",
     "dist/app.py", "pkg/app_test.py", ".venv/lib/app.py"],
)  # fmt: skip
def test_code_that_is_not_the_apps_own_does_not_count(tmp_path: Path, path: str) -> None:
    files = {"main.py": "print()", path: 'import os\nos.environ["KEY"]'}
    assert variables_of(tmp_path, files) == {}


@pytest.mark.parametrize("key", ["CI", "HOME", "VITEST", "npm_package_version", "VERCEL_URL"])
def test_variable_that_others_set_for_themselves_is_left_out(tmp_path: Path, key: str) -> None:
    assert variables_of(tmp_path, {"main.py": f'import os\nos.environ["{key}"]'}) == {}
    files = {"main.py": "", ".env.example": f"{key}=1\n"}
    assert set(variables_of(tmp_path, files)) == {key}


@pytest.mark.parametrize("key", ["PORT", "NODE_ENV"])
def test_variable_of_the_platform_is_never_required(tmp_path: Path, key: str) -> None:
    found = variables_of(tmp_path, {"main.py": f'import os\nos.environ["{key}"]'})
    assert not found[key].required


def test_root_directory_bounds_the_search_and_paths_are_of_the_repository(tmp_path: Path) -> None:
    files = {"a/main.py": 'import os\nos.environ["A"]', "b/main.py": 'import os\nos.environ["B"]'}
    plan = plan_of(tmp_path, files, "a")
    assert [(one.key, one.file) for one in plan.environment_variables] == [("A", "a/main.py")]


def test_database_url_with_a_driver_is_required_and_a_service(tmp_path: Path) -> None:
    files = {
        "package.json": '{"dependencies": {"pg": "^8"}, "scripts": {"start": "node x.js"}}',
        "x.js": "connect(process.env.DATABASE_URL)",
    }
    plan = plan_of(tmp_path, files)
    (variable,) = plan.environment_variables
    assert (variable.required, variable.secret) == (True, True)
    assert variable.type is VariableType.DATABASE_CONNECTION
    assert [(need.kind, need.variable) for need in plan.services] == [
        ("postgresql", "DATABASE_URL")
    ]
    assert plan.recommendation is not None
    assert (plan.recommendation.provider, plan.recommendation.database) == ("local", "local")


def test_password_in_a_default_is_not_shown(tmp_path: Path) -> None:
    code = 'import os\nos.getenv("DATABASE_URL", "postgresql://me:hunter2@localhost/db")'
    variable = variables_of(tmp_path, {"main.py": code})["DATABASE_URL"]
    assert variable.default == "postgresql://…@localhost/db"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("DATABASE_URL", "database_connection"), ("POSTGRES_URI", "database_connection"),
        ("MONGODB_URI", "database_connection"), ("REDIS_URL", "url"), ("API_URL", "url"),
        ("SMTP_PORT", "integer"), ("TIMEOUT", "integer"), ("ENABLE_X", "boolean"),
        ("NAME", "string"), ("DATABASE_NAME", "string"),
    ],
)  # fmt: skip
def test_type_follows_from_the_name(key: str, kind: str) -> None:
    assert type_of(key, None) == kind


@pytest.mark.parametrize(
    ("key", "secret"),
    [("API_KEY", True), ("JWT_SECRET", True), ("DB_PASSWORD", True), ("GITHUB_TOKEN", True),
     ("NEXT_PUBLIC_API_KEY", False), ("VITE_TOKEN", False), ("SITE_NAME", False),
     ("KEYBOARD", False), ("DATABASE_URL", True), ("PRIVATE_API_HOST", False),
     ("JWT_TOKEN_EXPIRES_IN", False), ("STORAGE_ACCOUNT_KEY", True), ("DB_PASSWORD_FILE", False)],
)  # fmt: skip
def test_secret_follows_from_the_name(key: str, secret: bool) -> None:
    assert is_secret(key, type_of(key, None)) is secret


@pytest.mark.parametrize(
    "key",
    ["NEXT_PUBLIC_A", "VITE_A", "PUBLIC_A", "NUXT_PUBLIC_A", "REACT_APP_A", "GATSBY_A", "ASTRO_A"],
)
def test_what_builds_read_by_its_prefix_is_known_as_build_time(key: str) -> None:
    assert is_built_in(key)
    assert not is_built_in(f"MY_{key}")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ('os.environ["KEY"]', "read without a default in main.py:2"),
        ('os.getenv("KEY", "x")', "has a default in main.py:2"),
        ('os.environ["KEY"]; os.getenv("KEY", "x")', "has a default in main.py:2"),
        ('os.getenv("KEY")', "read, and nothing fails at once without it in main.py:2"),
    ],
)
def test_reason_says_why_and_where(tmp_path: Path, code: str, reason: str) -> None:
    assert variables_of(tmp_path, {"main.py": f"import os\n{code}"})["KEY"].reason == reason


def test_members_of_the_workspace_that_an_app_depends_on_are_read(tmp_path: Path) -> None:
    files = {
        "package.json": '{"workspaces": ["apps/*", "packages/*"]}',
        "apps/web/package.json": '{"name": "web", "dependencies": {"@me/db": "workspace:*"}}',
        "apps/web/server.js": "process.env.WEB",
        "packages/db/package.json": '{"name": "@me/db", "dependencies": {"@me/log": "*"}}',
        "packages/db/src/index.ts": "process.env.DB",
        "packages/log/package.json": '{"name": "@me/log"}',
        "packages/log/index.ts": "process.env.LOG",
        "packages/other/package.json": '{"name": "@me/other"}',
        "packages/other/index.ts": "process.env.OTHER",
    }
    plan = plan_of(tmp_path, files, "apps/web")
    found = {one.key: one.file for one in plan.environment_variables}
    assert found == {
        "WEB": "apps/web/server.js",
        "DB": "packages/db/src/index.ts",
        "LOG": "packages/log/index.ts",
    }


@pytest.mark.parametrize(
    ("path", "is_own"),
    [
        ("src/app.ts", True), ("src/app/docs/page.tsx", True), ("docs/page.tsx", False),
        ("src/build/make.ts", True), ("build/app.js", False), ("packages/a/dist/index.js", False),
        ("apps/web/src/app/examples/page.tsx", True), ("examples/app.ts", False),
        ("src/app.test.ts", False), ("src/__tests__/a.ts", False), ("web-e2e/a.ts", False),
        ("jest.config.ts", False), ("playwright.config.ts", False), ("next.config.ts", True),
        ("app/tests.py", False), ("app/latest.py", True), ("src/contest.ts", True),
        ("src/schema.gen.ts", False), (".github/scripts/a.js", False), ("api_pb2.py", False),
    ],
)  # fmt: skip
def test_own_code_is_what_runs_when_deployed(path: str, is_own: bool) -> None:
    assert is_own_code(path) is is_own


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "json",
            '{"db": {"host": "DB_HOST",\n "port": {"__name": "DB_PORT", "__format": "json"}}}',
        ),
        ("yaml", "db:\n  host: DB_HOST\n  port:\n    __name: DB_PORT\n    __format: json\n"),
        ("js", "module.exports = { db: { host: 'DB_HOST', port: 'DB_PORT' } }"),
    ],
)
def test_mapping_of_settings_to_variables_is_read(tmp_path: Path, name: str, text: str) -> None:
    files = {f"config/custom-environment-variables.{name}": text, "index.js": ""}
    assert set(variables_of(tmp_path, files)) == {"DB_HOST", "DB_PORT"}


def test_many_hostile_files_take_their_time_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MOST_SECONDS", 1.0)
    # Each takes the parser minutes.
    code = "process.env.A\n" + ("!*" * 100 + "\n") * 80
    plan = plan_of(tmp_path, {f"{n}.ts": code for n in range(20)})
    assert any("for 1 seconds" in warning for warning in plan.warnings)
