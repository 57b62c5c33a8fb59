"""The shapes of a project's variables."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from autodeploy.kernel.schema import Input, Schema, Update
from autodeploy.services.deployer.naming import PRODUCTION
from autodeploy.services.deployer.schemas import CreatorView, EnvironmentName, without_nul

MAXIMUM_VALUE_CHARACTERS = 64 * 1024
VariableKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=255)]
VariableValue = Annotated[
    str, StringConstraints(max_length=MAXIMUM_VALUE_CHARACTERS), AfterValidator(without_nul)
]


class VariableScope(StrEnum):
    """Who gets a variable: the build, the running app with its release command, or both."""

    BUILD = "build"
    RUNTIME = "runtime"
    BOTH = "both"


class VariableInput(Input):
    """``is_secret`` is guessed from the key when left out, and true where the value refers to a
    secret."""

    key: VariableKey
    value: Annotated[VariableValue, Field(repr=False)]
    is_secret: bool | None = None
    scope: VariableScope = VariableScope.BOTH
    environment: EnvironmentName = PRODUCTION


class VariablesInput(Input):
    """Several variables, set as one change. What is left out stays as it is where a variable is
    set, and is as for a new one where it is not."""

    values: dict[VariableKey, VariableValue] = Field(min_length=1, max_length=500, repr=False)
    is_secret: bool | None = None
    scope: VariableScope | None = None
    environment: EnvironmentName = PRODUCTION


class VariablesCopy(Input):
    """From which environment variables are copied and to which; with ``overwrite`` also over those
    that are set there."""

    source: Annotated[EnvironmentName, Field(alias="from")]
    target: Annotated[EnvironmentName, Field(alias="to")]
    overwrite: bool = False


class VariableUpdate(Update):
    """A value that is left out or null stays as it is."""

    value: Annotated[VariableValue | None, Field(repr=False)] = None
    is_secret: bool | None = None
    scope: VariableScope | None = None


class VariableView(Schema):
    """``value`` is null for a secret: it can be written, never read. References in it are shown
    as they were written."""

    key: str
    value: Annotated[str | None, Field(repr=False)]
    is_secret: bool
    scope: VariableScope
    environment: str
    created_at: datetime
    updated_at: datetime


class VariablesVersionView(Schema):
    """A change of an environment's variables, by their names."""

    number: int
    added: list[str]
    changed: list[str]
    removed: list[str]
    created_by: CreatorView | None
    created_at: datetime


class VariablesDifference(Schema):
    """What changed between two versions of an environment's variables, by their names."""

    environment: str
    before: Annotated[int, Field(alias="from")]
    after: Annotated[int, Field(alias="to")]
    added: list[str]
    changed: list[str]
    removed: list[str]
