"""The variables of a project. Those that we made carry a comment, and no others are touched."""

from collections.abc import Mapping
from http import HTTPStatus

from autodeploy.kernel.faults import fault_point
from autodeploy.kernel.http.calls import Call
from autodeploy.kernel.http.client import HttpClient
from autodeploy.kernel.http.errors import ProviderRefused
from autodeploy.kernel.http.refusals import is_name
from autodeploy.providers.vercel.refusals import expect
from autodeploy.providers.vercel.shapes import (
    FailedVariable,
    OpenVariable,
    Variable,
    Variables,
    VariablesMade,
)

MARK = "Set by AutoDeploy."

_ENV = "/v10/projects/{project}/env"
_ONE = "/v1/projects/{project}/env/{id}"
_READABLE = {"encrypted", "plain"}
_LIMIT_BYTES = 8 * 1024 * 1024


class ProjectVariables:
    """Raises what ``HttpClient.send`` and ``refusals.expect`` raise. No error has a value."""

    def __init__(self, http: HttpClient, project_id: str):
        self._http = http
        self._parts = {"project": project_id}

    @fault_point("vercel.set_variables")
    async def set(self, target: str, wanted: Mapping[str, str]) -> None:
        """Have exactly these, of ours, in an environment. They take effect with its next
        deployment.

        Raises ``ProviderRefused`` with the names of those that Vercel did not take.
        """
        if wanted:
            await self._upsert(target, wanted)
        await self._remove_others(target, wanted)

    async def read(self, target: str) -> tuple[dict[str, str | None], frozenset[str]]:
        """Those of an environment, with their values or None for what Vercel does not tell; and
        the names of those that we made."""
        there = await self._list(target)
        values = {each.key: await self._open(each) for each in there}
        return values, frozenset(each.key for each in there if each.comment == MARK)

    async def _list(self, target: str) -> list[Variable]:
        call = Call("GET", _ENV, parts=self._parts, limit_bytes=_LIMIT_BYTES)
        there = expect(await self._http.send(call)).read(Variables).envs
        return [each for each in there if target in each.targets]

    async def _open(self, variable: Variable) -> str | None:
        if variable.id is None or variable.type not in _READABLE:
            return None
        parts = {**self._parts, "id": variable.id}
        answer = await self._http.send(Call("GET", _ONE, parts=parts, limit_bytes=_LIMIT_BYTES))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        opened = expect(answer).read(OpenVariable)
        is_told = opened.decrypted or variable.type == "plain"
        return opened.value if is_told else None

    async def _upsert(self, target: str, wanted: Mapping[str, str]) -> None:
        body = [
            {"key": key, "value": value, "type": "encrypted", "target": [target], "comment": MARK}
            for key, value in wanted.items()
        ]
        query = {"upsert": "true"}
        call = Call(
            "POST", _ENV, parts=self._parts, query=query, body=body, safe=True,
            limit_bytes=_LIMIT_BYTES,
        )  # fmt: skip
        answer = expect(await self._http.send(call))
        failed = answer.read(VariablesMade).failed
        if failed:
            raise _not_taken(failed)

    async def _remove_others(self, target: str, wanted: Mapping[str, str]) -> None:
        ids = [
            each.id
            for each in await self._list(target)
            if each.id
            and each.comment == MARK
            and each.key not in wanted
            and each.targets == (target,)
        ]
        if ids:
            path = "/v1/projects/{project}/env"
            call = Call("DELETE", path, parts=self._parts, body={"ids": ids})
            answer = expect(await self._http.send(call), HTTPStatus.NOT_FOUND)
            if answer.status == HTTPStatus.NOT_FOUND:
                # One of them is gone: whether the others are is not said.
                for each in ids:
                    await self._remove(each)

    async def _remove(self, variable_id: str) -> None:
        """Idempotent."""
        parts = {**self._parts, "id": variable_id}
        call = Call("DELETE", "/v9/projects/{project}/env/{id}", parts=parts)
        expect(await self._http.send(call), HTTPStatus.NOT_FOUND)


def _not_taken(failed: tuple[FailedVariable, ...]) -> ProviderRefused:
    reasons = tuple(map(_reason, failed))
    return ProviderRefused(
        f"Vercel does not take these variables: {', '.join(reasons)}.",
        answered=HTTPStatus.CREATED,
        reasons=reasons,
        remedy="Rename or remove them; Vercel keeps some names for itself. Then deploy again.",
    )


def _reason(failed: FailedVariable) -> str:
    """Such as ``PATH:ENV_CONFLICT``; what is no name may be a value."""
    named = failed.error.env_var_key or failed.error.key
    key = named if named and is_name(named) else "a_variable"
    return f"{key}:{failed.error.code}" if is_name(failed.error.code) else key
