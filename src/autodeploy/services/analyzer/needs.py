"""Services that an app needs beside it, from its dependencies and the variables it reads."""

from dataclasses import dataclass

from autodeploy.services.analyzer.packages.base import Packages
from autodeploy.services.analyzer.plan import EnvironmentVariable, ServiceNeed, VariableType


@dataclass(frozen=True)
class ServiceRecord:
    """A service: the packages that are its drivers, and how variables for it are named."""

    kind: str
    drivers: frozenset[str]
    variable_words: tuple[str, ...]
    schemes: tuple[str, ...]


SERVICES = (
    ServiceRecord(
        kind="postgresql",
        drivers=frozenset(
            {
                "psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000",
                "aiopg", "pg", "postgres", "pg-promise", "@prisma/adapter-pg", "slonik",
                "@neondatabase/serverless", "@vercel/postgres", "@medusajs/medusa",
            }
        ),
        variable_words=("DATABASE", "DB_", "POSTGRES", "PG"),
        schemes=("postgres",),
    ),
    ServiceRecord(
        kind="mysql",
        drivers=frozenset(
            {"mysqlclient", "pymysql", "aiomysql", "mysql-connector-python", "mysql", "mysql2"}
        ),
        variable_words=("DATABASE", "DB_", "MYSQL", "MARIADB"),
        schemes=("mysql", "mariadb"),
    ),
    ServiceRecord(
        kind="mongodb",
        drivers=frozenset({"pymongo", "motor", "mongoengine", "beanie", "mongodb", "mongoose"}),
        variable_words=("MONGO", "DATABASE", "DB_"),
        schemes=("mongodb",),
    ),
    ServiceRecord(
        kind="redis",
        drivers=frozenset(
            {"redis", "aioredis", "ioredis", "bullmq", "bull", "rq", "celery[redis]"}
        ),
        variable_words=("REDIS", "VALKEY"),
        schemes=("redis",),
    ),
    ServiceRecord(
        kind="s3",
        drivers=frozenset({"boto3", "aioboto3", "@aws-sdk/client-s3", "minio", "django-storages"}),
        variable_words=("S3_", "AWS_"),
        schemes=("s3",),
    ),
)  # fmt: skip


def find_needs(
    packages: Packages | None, variables: tuple[EnvironmentVariable, ...]
) -> tuple[ServiceNeed, ...]:
    """The services whose driver is a dependency, or which a default's scheme names.

    A driver alone does not tell that an app cannot do without: a variable that is read for the
    service goes with it, where there is one.
    """
    found = []
    for service in SERVICES:
        driver = next((d for d in sorted(service.drivers) if packages and packages.has(d)), None)
        variable = _variable(service, variables, driver is not None)
        if driver:
            reason = f"depends on {driver}"
            reason += f" and reads {variable.key}" if variable else ""
            found.append(ServiceNeed(kind=service.kind, reason=reason,
                                     variable=variable.key if variable else None))  # fmt: skip
        elif variable:
            reason = f"the default of {variable.key} names it"
            found.append(ServiceNeed(kind=service.kind, reason=reason, variable=variable.key))
    return tuple(found)


def _variable(
    service: ServiceRecord, variables: tuple[EnvironmentVariable, ...], has_driver: bool
) -> EnvironmentVariable | None:
    for variable in variables:
        if (variable.default or "").startswith(service.schemes):
            return variable
    wanted = (VariableType.DATABASE_CONNECTION, VariableType.URL)
    for word in service.variable_words if has_driver else ():
        for variable in variables:
            if variable.key.upper().startswith(word) and variable.type in wanted:
                return variable
    return None


def with_required(
    variables: tuple[EnvironmentVariable, ...], needs: tuple[ServiceNeed, ...]
) -> tuple[EnvironmentVariable, ...]:
    """The variables, with those required that connect to a service and have no default."""
    connecting = {
        need.variable for need in needs if need.kind in ("postgresql", "mysql", "mongodb")
    }
    return tuple(
        variable.model_copy(update={"required": True})
        if variable.key in connecting
        and variable.default is None
        and variable.type is VariableType.DATABASE_CONNECTION
        else variable
        for variable in variables
    )
