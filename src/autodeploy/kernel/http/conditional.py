"""Answers that are kept to be asked for again conditionally (RFC 9110, section 13).

A 304 costs no quota at GitHub (docs.github.com, "Best practices for using the REST API", 2026-11).
Own code: `hishel` keeps what a *shared or private cache* may, by freshness; here every answer is
asked for again, and one credential never sees what another was answered.
"""

import hashlib
from collections import OrderedDict
from dataclasses import replace
from http import HTTPStatus

import httpx

from autodeploy.kernel.http.answers import Answer

# What is asked for in turn has to fit whole: of a circle that does not, each is forgotten before it
# comes round. Two answers for each branch that is followed are a few kilobytes.
_ENTRIES = 4096
_ENTRY_BYTES = 256 * 1024
_TOTAL_BYTES = 8 * 1024 * 1024

_FINAL = {HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}

Key = tuple[bytes, str, str]


def digest_of(credential: str) -> bytes:
    """What stands for a credential in memory, so that it is not kept."""
    return hashlib.blake2b(credential.encode(), digest_size=16).digest()


class Remembered:
    """The answers used last, by credential, address and form; bounded in number and bytes."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._bytes = 0

    @staticmethod
    def key(request: httpx.Request) -> Key:
        """The credential is part of it."""
        digest = digest_of(request.headers.get("authorization", ""))
        return digest, str(request.url), request.headers.get("accept", "")

    def find(self, key: Key) -> Answer | None:
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Key, answer: Answer) -> None:
        """Keep a 200 that has a validator and is small; forget what was longest not used.

        A refusal or failure in between leaves what is kept as it is.
        """
        if answer.status not in _FINAL:
            return
        self._forget(key)
        if (
            answer.status != HTTPStatus.OK
            or "etag" not in answer.headers
            or len(answer.body) > _ENTRY_BYTES
        ):
            return
        self._answers[key] = answer
        self._bytes += len(answer.body)
        while len(self._answers) > _ENTRIES or self._bytes > _TOTAL_BYTES:
            self._forget(next(iter(self._answers)))

    def _forget(self, key: Key) -> None:
        answer = self._answers.pop(key, None)
        if answer is not None:
            self._bytes -= len(answer.body)


def refreshed(kept: Answer, answer: Answer) -> Answer:
    """What was kept, with the newer headers of the 304 that confirms it (RFC 9111, 4.3.4)."""
    headers = httpx.Headers(kept.headers)
    headers.update({name: v for name, v in answer.headers.items() if name != "content-length"})
    return replace(kept, headers=headers)
