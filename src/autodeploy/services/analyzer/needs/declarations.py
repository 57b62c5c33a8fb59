"""Where frameworks and database libraries have their users say which service an app talks to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.matcher import Content


@dataclass(frozen=True)
class Declaration:
    """The files in which users of any of ``packages`` (none: all of the language) name a service.

    The first group of each pattern is a word of ``WORDS``; of ``readings`` the first that finds
    one decides. ``source`` is the page that describes them.
    """

    language: str
    packages: frozenset[str]
    readings: tuple[Content, ...]
    source: str


class Declared(NamedTuple):
    """A service that a file names; ``path`` is relative to the root directory of ``files``."""

    files: SourceFiles
    path: str
    line: int


# The words of all these files, by the kind of service that they mean.
WORDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("postgresql", "postgres", "postgis", "pgsql", "pg", "cockroachdb", "postgresql_psycopg2"),
        "postgresql",
    ),
    **dict.fromkeys(("mysql", "mysql2", "mysqli", "mariadb", "trilogy"), "mysql"),
    **dict.fromkeys(("sqlserver", "sqlsrv", "mssql"), "sqlserver"),
    **dict.fromkeys(("turso", "libsql"), "turso"),
    **dict.fromkeys(("sqlite", "sqlite3", "better-sqlite3", "spatialite", "file"), "sqlite"),
    **dict.fromkeys(("mongodb", "mongo"), "mongodb"),
    "redis": "redis",
    "amqp": "rabbitmq",
    "rdkafka": "kafka",
    "memcached": "memcached",
    "sqs": "sqs",
    "smtp": "mail",
}

_PRISMA = r'(?m)^[ \t]*provider[ \t]*=[ \t]*"(\w+)"'
# A feature of a dependency that is one key, or of one that is a table. No two of the stretches
# between a dependency and its feature overlap.
_RUST_KEY = (
    r'(?m)^(?:sqlx|diesel|sea-orm)\b(?:[^#}\n]|\n[ \t\]"])*?"(?:sqlx-)?(postgres|mysql|sqlite)"'
)
_RUST_TABLE = (
    r"(?m)^\[(?:workspace\.)?dependencies\.(?:sqlx|diesel|sea-orm)\][^\[]*\["
    r'[^\]]{0,400}?"(?:sqlx-)?(postgres|mysql|sqlite)"'
)

DECLARATIONS = (
    Declaration(
        language="node",
        packages=frozenset({"prisma", "@prisma/client"}),
        readings=(
            Content("prisma/schema.prisma", _PRISMA),
            Content("schema.prisma", _PRISMA),
            Content("prisma/schema/*.prisma", _PRISMA),
            Content("prisma/*.prisma", _PRISMA),
            Content("*/prisma/schema.prisma", _PRISMA),
            Content("*/schema.prisma", _PRISMA),
        ),
        source="https://www.prisma.io/docs/orm/reference/prisma-schema-reference#datasource",
    ),
    Declaration(
        language="node",
        packages=frozenset({"drizzle-kit", "drizzle-orm"}),
        readings=(Content("drizzle.config.*", r"""\bdialect\s{0,9}:\s{0,9}['"](\w+)"""),),
        source="https://orm.drizzle.team/docs/drizzle-config-file",
    ),
    Declaration(
        language="node",
        packages=frozenset({"knex"}),
        readings=tuple(
            Content(path, r"""\bclient['"]?\s{0,9}:\s{0,9}['"]([\w-]+)""")
            for path in ("knexfile.*", "src/knexfile.*")
        ),
        source="https://knexjs.org/guide/#configuration-options",
    ),
    Declaration(
        language="node",
        packages=frozenset({"typeorm"}),
        readings=tuple(
            Content(path, r"""\btype['"]?\s{0,9}:\s{0,9}['"]([\w-]+)""")
            for path in ("ormconfig.*", "data-source.*", "src/data-source.*",
                         "src/*/data-source.*", "src/app.module.ts")
        ),
        source="https://typeorm.io/docs/data-source/data-source-options",
    ),
    Declaration(
        language="node",
        packages=frozenset({"sequelize", "sequelize-typescript"}),
        readings=tuple(
            Content(path, r"""\bdialect['"]?\s{0,9}:\s{0,9}['"](\w+)""")
            for path in ("config/config.*", "config/database.*", "src/config/*", "models/index.*")
        ),
        source="https://sequelize.org/docs/v6/getting-started/",
    ),
    Declaration(
        language="node",
        packages=frozenset({"@strapi/strapi"}),
        readings=(
            Content("config/database.*", r"""DATABASE_CLIENT['"]\s{0,9},\s{0,9}['"]([\w-]+)"""),
        ),
        source="https://docs.strapi.io/cms/configurations/database",
    ),
    Declaration(
        language="python",
        packages=frozenset({"django"}),
        readings=tuple(
            Content(path, r"\bbackends\.(\w+)")
            for path in ("*/settings/prod*.py", "settings/prod*.py", "*/settings.py",
                         "*/settings/*.py", "settings.py", "settings/*.py", "*/*/settings.py")
        ),
        source="https://docs.djangoproject.com/en/5.2/ref/settings/#engine",
    ),
    Declaration(
        language="ruby",
        packages=frozenset({"rails", "activerecord"}),
        readings=(Content("config/database.yml", r"""(?m)^[ \t]*adapter:[ \t]*['"]?(\w+)"""),),
        source="https://guides.rubyonrails.org/configuring.html#configuring-a-database",
    ),
    Declaration(
        language="php",
        packages=frozenset({"laravel/framework", "laravel/lumen-framework"}),
        readings=(
            Content(
                ".env.example",
                r"""(?m)^[ \t]*(?:DB_CONNECTION|QUEUE_CONNECTION|CACHE_STORE|CACHE_DRIVER"""
                r"""|SESSION_DRIVER|BROADCAST_DRIVER|MAIL_MAILER)=['"]?(\w+)""",
            ),
            Content(
                "config/database.php",
                r"""env\(\s{0,9}['"]DB_CONNECTION['"]\s{0,9},\s{0,9}['"](\w+)""",
            ),
        ),
        source="https://laravel.com/docs/12.x/database#configuration",
    ),
    Declaration(
        language="php",
        packages=frozenset({"doctrine/doctrine-bundle", "doctrine/orm"}),
        readings=(
            Content(
                "config/packages/doctrine.yaml", r"""(?m)^[ \t]*driver:[ \t]*['"]?pdo_(\w+)"""
            ),
            Content(".env", r"""(?m)^[ \t]*DATABASE_URL=['"]?(\w+)"""),
        ),
        source="https://symfony.com/doc/current/doctrine.html#configuring-the-database",
    ),
    Declaration(
        language="php",
        packages=frozenset(),
        readings=(Content("composer.json", r'"ext-(?:pdo_)?(\w+)"'),),
        source="https://getcomposer.org/doc/01-basic-usage.md#platform-packages",
    ),
    Declaration(
        language="rust",
        packages=frozenset({"sqlx", "diesel", "sea-orm"}),
        readings=(Content("Cargo.toml", _RUST_KEY), Content("Cargo.toml", _RUST_TABLE)),
        source="https://docs.rs/sqlx/latest/sqlx/#optional-features",
    ),
)  # fmt: skip

# Where a connection string is read, its example tells the database in any language.
EXAMPLE = tuple(
    Content(path, r"""(?m)^[ \t]*(?:export[ \t]+)?DATABASE_URL[ \t]*=[ \t]*['"]?(?:jdbc:)?(\w+)""")
    for path in (".env.example", ".env.sample", ".env.template", ".env.dist", "*.env.example")
)


def find_declared(
    files: SourceFiles, language: str, names: frozenset[str], *, with_examples: bool
) -> dict[str, Declared]:
    """The kinds of service that the repository's own files name, with the place of each.

    Args:
        names: the app's dependencies, as ``Declaration`` spells them.
        with_examples: whether example files of variables are asked, too.
    """
    found: dict[str, Declared] = {}
    for declaration in DECLARATIONS:
        used = not declaration.packages or declaration.packages & names
        if declaration.language == language and used:
            found = {**_first(files, declaration.readings), **found}
    return {**_first(files, EXAMPLE), **found} if with_examples else found


def _first(files: SourceFiles, readings: tuple[Content, ...]) -> dict[str, Declared]:
    """What the first reading finds that finds anything: here, else in the folders above."""
    for place in (files, *files.parents()):
        for reading in readings:
            if found := dict(reversed(list(_named(place, reading)))):
                return found
    return {}


def _named(files: SourceFiles, reading: Content) -> Iterator[tuple[str, Declared]]:
    for path in files.glob(reading.path):
        text = files.text(path) or ""
        for each in re.finditer(reading.pattern, text):
            if kind := WORDS.get(each.group(1).lower()):
                yield kind, Declared(files, path, text.count("\n", 0, each.start()) + 1)
