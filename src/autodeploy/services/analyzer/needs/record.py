"""What is known of a service: its drivers in each language, and how its variables are named."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ServiceRecord:
    """A service: the packages that are its drivers, and how variables for it are named.

    ``kind`` is stable, ``name`` is for people. ``drivers`` are used for nothing else;
    ``toolkits`` can do more than this, so they count only with a variable. Both map a language to
    package names. A variable whose name matches ``variables`` tells of the service by itself, and
    so does a default that begins with one of ``schemes``. Of the databases that speak SQL an app
    uses one; ``is_file`` says that it is no server.
    """

    kind: str
    name: str
    drivers: Mapping[str, frozenset[str]]
    variables: re.Pattern[str]
    schemes: tuple[str, ...] = ()
    toolkits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    speaks_sql: bool = False
    is_database: bool = False
    is_file: bool = False


def packages(**names: str) -> Mapping[str, frozenset[str]]:
    """Package names by language, each language's given as words of one text."""
    return {language: frozenset(words.split()) for language, words in names.items()}


# SDKs of all of AWS.
AWS = packages(
    node="aws-sdk",
    python="boto boto3 aioboto3 aiobotocore",
    ruby="aws-sdk",
    php="aws/aws-sdk-php aws/aws-sdk-php-laravel",
    go="github.com/aws/aws-sdk-go github.com/aws/aws-sdk-go-v2",
    elixir="ex_aws",
)
