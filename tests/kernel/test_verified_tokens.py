from datetime import timedelta

import pytest

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unauthenticated
from autodeploy.kernel.signing import TokenSigner, new_signing_key
from autodeploy.kernel.verified_tokens import VerifiedToken, VerifiedTokens


def _sign(signer: TokenSigner, seconds: float = 60) -> str:
    issued = now()
    claims = {"sub": "ada", "aud": "api", "iat": issued, "exp": issued + timedelta(seconds=seconds)}
    return signer.sign(claims)


def test_a_token_that_was_verified_is_refused_when_it_expires(monkeypatch):
    signer = TokenSigner(new_signing_key())
    token = _sign(signer, 60)
    assert signer.verify(token, audience="api") == signer.verify(token, audience="api")
    later = now().timestamp() + 61
    monkeypatch.setattr("autodeploy.kernel.verified_tokens.time.time", lambda: later)
    assert signer._verified.find(token, "api") is None


def test_a_token_that_was_verified_is_refused_for_another_audience_and_by_another_key():
    signer = TokenSigner(new_signing_key())
    token = _sign(signer)
    signer.verify(token, audience="api")
    for other, audience in ((signer, "else"), (TokenSigner(new_signing_key()), "api")):
        with pytest.raises(Unauthenticated):
            other.verify(token, audience=audience)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_that_differs_from_a_verified_one_in_a_letter_is_refused(part: int):
    signer = TokenSigner(new_signing_key())
    token = _sign(signer)
    signer.verify(token, audience="api")
    parts = token.split(".")
    parts[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    with pytest.raises(Unauthenticated):
        signer.verify(".".join(parts), audience="api")


def test_a_token_that_was_refused_is_not_remembered():
    signer = TokenSigner(new_signing_key())
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            signer.verify(_sign(signer, -1), audience="api")
    assert not signer._verified._kept


def test_the_number_of_remembered_tokens_is_bounded(monkeypatch):
    monkeypatch.setattr("autodeploy.kernel.verified_tokens._ENTRIES", 3)
    verified = VerifiedTokens()
    for number in range(10):
        verified.keep(str(number), "api", VerifiedToken("kid", {"exp": now().timestamp() + 60}))
    found = [number for number in range(10) if verified.find(str(number), "api")]
    assert found == [7, 8, 9]
