"""Services are found by drivers, by what configuration files name, and by variables."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of, write

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.needs.find import SERVICES, find_needs, with_services
from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import EnvironmentVariable, ServiceNeed
from autodeploy.services.analyzer.tree import FolderTree
from autodeploy.services.analyzer.variables.classify import is_secret, type_of


def variable(key: str, default: str | None = None, file: str = "app.x") -> EnvironmentVariable:
    kind = type_of(key, default)
    return EnvironmentVariable(
        key=key, required=False, secret=is_secret(key, kind), type=kind, default=default,
        file=file, line=1,
    )  # fmt: skip


def needs_of(
    folder: Path,
    language: str,
    production: str = "",
    *variables: EnvironmentVariable,
    development: str = "",
    files: Mapping[str, str] | None = None,
) -> list[ServiceNeed]:
    packages = Packages(
        language, language, production=dict.fromkeys(production.split()),
        development=dict.fromkeys(development.split()),
    )  # fmt: skip
    source = SourceFiles(FolderTree(write(folder, files or {})))
    return list(find_needs(source, packages, variables))


def kinds(needs: list[ServiceNeed]) -> list[str]:
    return [need.kind for need in needs]


@pytest.mark.parametrize(
    ("language", "package", "kind"),
    [
        ("node", "postgres", "postgresql"),
        ("deno", "mongoose", "mongodb"),
        ("python", "mysqlclient", "mysql"),
        ("python", "celery[redis]", "redis"),
        ("ruby", "sidekiq", "redis"),
        ("ruby", "mysql2", "mysql"),
        ("php", "predis/predis", "redis"),
        ("php", "php-amqplib/php-amqplib", "rabbitmq"),
        ("go", "github.com/jackc/pgx/v5", "postgresql"),
        ("go", "github.com/IBM/sarama", "kafka"),
        ("go", "github.com/nats-io/nats.go", "nats"),
        ("go", "gopkg.in/gomail.v2", "mail"),
        ("deno", "@db/postgres", "postgresql"),
        ("rust", "tokio-postgres", "postgresql"),
        ("rust", "lettre", "mail"),
        ("java", "org.postgresql:postgresql", "postgresql"),
        ("java", "org.springframework.boot:spring-boot-starter-amqp", "rabbitmq"),
        ("clojure", "com.taoensso/carmine", "redis"),
        ("scala", "org.tpolecat:doobie-postgres_2.13", "postgresql"),
        ("dotnet", "Npgsql.EntityFrameworkCore.PostgreSQL", "postgresql"),
        ("dotnet", "MailKit", "mail"),
        ("elixir", "postgrex", "postgresql"),
        ("swift", "https://github.com/vapor/fluent-postgres-driver.git", "postgresql"),
        ("node", "@aws-sdk/client-sqs", "sqs"),
        ("python", "elasticsearch", "elasticsearch"),
        ("php", "meilisearch/meilisearch-php", "meilisearch"),
        ("dotnet", "Microsoft.EntityFrameworkCore.SqlServer", "sqlserver"),
    ],
)
def test_driver_in_any_language_tells_of_its_service(
    tmp_path: Path, language: str, package: str, kind: str
) -> None:
    (need,) = needs_of(tmp_path, language, package)
    assert (need.kind, need.variable) == (kind, None)
    assert need.reason.lower().startswith("depends on ")


def test_driver_of_another_language_tells_nothing(tmp_path: Path) -> None:
    assert needs_of(tmp_path, "python", "pg mysql2 nodemailer") == []


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("REDIS_URL", "redis"), ("MONGODB_URI", "mongodb"), ("SMTP_HOST", "mail"),
        ("RESEND_API_KEY", "mail"), ("CLOUDAMQP_URL", "rabbitmq"), ("KAFKA_BROKERS", "kafka"),
        ("SQS_QUEUE_URL", "sqs"), ("AWS_S3_BUCKET", "s3"), ("ELASTICSEARCH_URL", "elasticsearch"),
        ("MEILI_HOST", "meilisearch"), ("PGHOST", "postgresql"), ("MYSQL_HOST", "mysql"),
        ("POSTGRES_URL", "postgresql"), ("NATS_URL", "nats"), ("MEMCACHED_SERVERS", "memcached"),
    ],
)  # fmt: skip
def test_variable_that_is_named_for_a_service_tells_of_it_alone(
    tmp_path: Path, key: str, kind: str
) -> None:
    (need,) = needs_of(tmp_path, "go", "", variable(key))
    assert (need.kind, need.variable, need.reason) == (kind, key, f"reads {key}")


@pytest.mark.parametrize(
    "key", ["DATABASE_URL", "EMAIL", "PGP_KEY", "PREDISPOSED", "HOST", "VITE_REDIS_URL", "S3X"]
)
def test_variable_that_is_named_for_no_service_tells_nothing(tmp_path: Path, key: str) -> None:
    assert needs_of(tmp_path, "node", "", variable(key)) == []


def test_toolkit_counts_only_with_a_variable_of_the_service(tmp_path: Path) -> None:
    assert needs_of(tmp_path, "python", "boto3") == []
    found = needs_of(tmp_path, "python", "boto3", variable("S3_BUCKET"))
    assert [(need.kind, need.reason) for need in found] == [
        ("s3", "depends on boto3 and reads S3_BUCKET")
    ]


def test_driver_of_development_counts_only_with_a_variable(tmp_path: Path) -> None:
    assert needs_of(tmp_path, "node", development="sqlite3 ioredis postgres") == []
    url = variable("DATABASE_URL")
    assert kinds(needs_of(tmp_path, "node", "", url, development="postgres")) == ["postgresql"]


PRISMA = """generator client {
  provider = "prisma-client-js"
}
datasource db {
  provider = "%s"
}
"""
DATABASE_YML = "default: &default\n  adapter: %s\nproduction:\n  <<: *default\n"
ENGINE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.%s"}}'


@pytest.mark.parametrize(
    ("language", "packages", "path", "content", "kind"),
    [
        ("node", "@prisma/client", "prisma/schema.prisma", PRISMA % "mysql", "mysql"),
        ("node", "prisma", "prisma/schema/base.prisma", PRISMA % "mongodb", "mongodb"),
        ("node", "drizzle-orm", "drizzle.config.ts", "{ dialect: 'turso' }", "turso"),
        ("node", "knex pg sqlite3", "knexfile.js", "client: 'pg'", "postgresql"),
        ("python", "django", "site/settings.py", ENGINE % "sqlite3", "sqlite"),
        ("python", "django", "config/settings/base.py", ENGINE % "postgresql", "postgresql"),
        ("ruby", "rails", "config/database.yml", DATABASE_YML % "trilogy", "mysql"),
        ("php", "", "composer.json", '{"require": {"ext-pdo_mysql": "*"}}', "mysql"),
        ("php", "", "composer.json", '{"require": {"ext-redis": "*"}}', "redis"),
        ("php", "laravel/framework", ".env.example", "DB_CONNECTION=pgsql\n", "postgresql"),
        ("php", "laravel/framework", "config/database.php",
         "'default' => env('DB_CONNECTION', 'mysql'),", "mysql"),
        ("rust", "sqlx", "Cargo.toml",
         '[dependencies]\nsqlx = { version = "0.8", features = ["runtime", "mysql"] }', "mysql"),
        ("rust", "sea-orm", "Cargo.toml",
         '[dependencies.sea-orm]\nfeatures = ["sqlx-postgres"]', "postgresql"),
    ],
)  # fmt: skip
def test_configuration_file_names_the_database_and_is_evidence(
    tmp_path: Path, language: str, packages: str, path: str, content: str, kind: str
) -> None:
    (need,) = needs_of(tmp_path, language, packages, files={path: content})
    assert need.kind == kind
    assert f"names it in {path}" in need.reason


def test_place_in_the_configuration_file_is_evidence_with_its_line(tmp_path: Path) -> None:
    files = {
        "package.json": '{"dependencies": {"@prisma/client": "6"}}',
        "prisma/schema.prisma": PRISMA % "sqlite",
    }
    plan = plan_of(tmp_path, files)
    noted = [(one.file, one.line, one.fact) for one in plan.evidence]
    assert ("prisma/schema.prisma", 5, "names SQLite") in noted
    assert [one for one in plan.warnings if "redeploy starts anew" in one]


def test_django_names_its_cache_and_mail_in_its_settings(tmp_path: Path) -> None:
    settings = (
        'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}\n'
        'EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"\n'
        'AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]\n'
    )
    found = needs_of(tmp_path, "python", "django", files={"site/settings.py": settings})
    assert kinds(found) == ["redis", "mail"]


def test_of_several_databases_the_one_of_production_is_needed(tmp_path: Path) -> None:
    yml = "development:\n  adapter: sqlite3\nproduction:\n  adapter: postgresql\n"
    found = needs_of(
        tmp_path, "ruby", "rails pg", development="sqlite3", files={"config/database.yml": yml}
    )
    assert kinds(found) == ["postgresql"]


def test_driver_of_a_server_outranks_a_file_that_is_configured(tmp_path: Path) -> None:
    files = {"site/settings.py": ENGINE % "sqlite3"}
    assert kinds(needs_of(tmp_path, "python", "django psycopg", files=files)) == ["postgresql"]


def test_configuration_of_the_workspace_counts_for_its_members(tmp_path: Path) -> None:
    write(tmp_path, {"prisma/schema.prisma": PRISMA % "mysql", "apps/web/x.js": ""})
    packages = Packages("node", "JavaScript", production={"@prisma/client": None})
    (need,) = find_needs(SourceFiles(FolderTree(tmp_path), "apps/web"), packages, ())
    assert (need.kind, need.reason) == ("mysql", "names it in prisma/schema.prisma")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["DATABASE_URL"], ["postgresql"]),
        (["MYSQL_HOST"], ["mysql"]),
        (["POSTGRES_URL", "MYSQL_URL"], ["postgresql", "mysql"]),
    ],
)
def test_of_several_drivers_variables_decide(
    tmp_path: Path, keys: list[str], expected: list[str]
) -> None:
    variables = [variable(key) for key in keys]
    assert kinds(needs_of(tmp_path, "node", "pg mysql2 better-sqlite3", *variables)) == expected


def test_default_and_example_of_the_connection_name_the_database(tmp_path: Path) -> None:
    by_default = variable("DATABASE_URL", "sqlite:///app.db")
    assert [one.reason for one in needs_of(tmp_path, "python", "sqlalchemy", by_default)] == [
        "the default of DATABASE_URL names it"
    ]
    files = {".env.example": "DATABASE_URL=mysql://root@localhost/x\n"}
    found = needs_of(tmp_path, "haskell", "", variable("DATABASE_URL"), files=files)
    assert [(one.kind, one.variable) for one in found] == [("mysql", "DATABASE_URL")]


def test_value_that_only_begins_like_a_scheme_names_no_database(tmp_path: Path) -> None:
    assert needs_of(tmp_path, "python", "", variable("OWNER", "postgres")) == []


def test_variable_that_leads_there_is_preferred_to_one_that_tunes_it(tmp_path: Path) -> None:
    variables = [variable(key) for key in ("REDIS_DEBUG", "REDIS_HOST", "REDIS_PORT")]
    (need,) = needs_of(tmp_path, "node", "ioredis", *variables)
    assert need.variable == "REDIS_HOST"


def test_each_database_gets_its_own_variable(tmp_path: Path) -> None:
    variables = [variable("DATABASE_URL"), variable("MONGODB_URI")]
    found = needs_of(tmp_path, "node", "pg mongodb", *variables)
    assert [(one.kind, one.variable) for one in found] == [
        ("postgresql", "DATABASE_URL"), ("mongodb", "MONGODB_URI")
    ]  # fmt: skip
    alone = needs_of(tmp_path, "node", "pg mongodb", variable("MONGODB_URI"))
    assert [one.variable for one in alone] == [None, "MONGODB_URI"]
    (mongodb,) = needs_of(tmp_path, "node", "mongodb", variable("DATABASE_URL"))
    assert mongodb.variable == "DATABASE_URL"


def test_variables_of_a_skeleton_tell_nothing(tmp_path: Path) -> None:
    read = [
        variable("REDIS_URL", file="config/database.php"),
        variable("SQS_PREFIX", file="config/queue.php"),
        variable("AWS_BUCKET", file="config/filesystems.php"),
        variable("MEMCACHED_HOST", file=".env.example"),
    ]
    assert needs_of(tmp_path, "php", "laravel/framework", *read) == []
    used = variable("REDIS_URL", file="app/Queue.php")
    assert kinds(needs_of(tmp_path, "php", "laravel/framework", used)) == ["redis"]


def test_connection_string_of_postgresql_is_required_described_and_can_be_had_new() -> None:
    need = ServiceNeed(kind="postgresql", reason="", variable="DATABASE_URL")
    found, other = with_services((variable("DATABASE_URL"), variable("OTHER_URL")), (need,))
    assert (found.required, found.offers) == (True, ("provision_new",))
    assert found.description == "PostgreSQL connection string"
    assert (other.required, other.offers, other.description) == (False, (), None)


@pytest.mark.parametrize("kind", ["mysql", "sqlite", "mongodb", "redis"])
def test_nothing_else_can_be_had_new(kind: str) -> None:
    need = ServiceNeed(kind=kind, reason="", variable="DATABASE_URL")
    (found,) = with_services((variable("DATABASE_URL"),), (need,))
    assert found.offers == ()
    assert found.required is (kind in ("mysql", "mongodb"))


@pytest.mark.parametrize(
    "content",
    [
        "provider = " * 50_000,
        "\n" * 300_000,
        "sqlx = {" + " " * 500_000,
        "sqlx\n" * 100_000,
        "[dependencies.sqlx][" * 20_000,
        "[dependencies.sqlx]\n" * 20_000,
    ],
)
def test_hostile_configuration_file_is_read_in_linear_time(tmp_path: Path, content: str) -> None:
    for language, package, path in (
        ("node", "prisma", "prisma/schema.prisma"), ("rust", "sqlx", "Cargo.toml"),
        ("ruby", "rails", "config/database.yml"), ("python", "django", "a/settings.py"),
    ):  # fmt: skip
        assert needs_of(tmp_path, language, package, files={path: content}) == []


def test_no_package_is_the_driver_of_two_databases() -> None:
    for language in {name for record in SERVICES for name in record.drivers}:
        drivers = [
            name for one in SERVICES if one.is_database for name in one.drivers.get(language, ())
        ]
        assert len(drivers) == len(set(drivers)), language
