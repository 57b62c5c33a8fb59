"""The signing key is replaced while processes run, and no other token than ours is accepted."""

import json
import time
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from structlog.testing import capture_logs

from autodeploy.kernel import signing
from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Unauthenticated
from autodeploy.kernel.signing import (
    RETIRED_FOR,
    SigningKeyError,
    TokenSigner,
    generate_signing_key,
    new_signing_key,
    rotate_signing_key,
)

AUDIENCE = "tests"


@pytest.fixture
def path(home: Path) -> Path:
    generate_signing_key(home / "jwt.pem")
    return home / "jwt.pem"


def token_of(signer: TokenSigner, **claims: object) -> str:
    moment = now()
    usual = {"sub": "ada", "aud": AUDIENCE, "iat": moment, "exp": moment + timedelta(minutes=15)}
    return signer.sign({**usual, **claims})


def subject_of(signer: TokenSigner, token: str) -> str:
    return str(signer.verify(token, audience=AUDIENCE)["sub"])


def kids(signer: TokenSigner) -> list[str]:
    return [key["kid"] for key in signer.jwks()["keys"]]


def test_rotated_key_signs_and_the_old_one_is_still_accepted(path: Path) -> None:
    before = TokenSigner.load(path)
    token = token_of(before)
    kid = rotate_signing_key(path)
    after = TokenSigner.load(path)
    assert after.kid == kid != before.kid
    assert jwt.get_unverified_header(token_of(after))["kid"] == kid
    assert subject_of(after, token) == "ada"
    assert kids(after) == [kid, before.kid]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["jwt.pem"]


def test_private_part_of_the_old_key_is_gone(path: Path) -> None:
    old = path.read_text()
    rotate_signing_key(path)
    assert old.splitlines()[1] not in path.read_text()
    assert path.read_text().count("PRIVATE KEY") == 2


def test_old_keys_are_accepted_until_their_tokens_have_expired(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = TokenSigner.load(path)
    moment = now()
    rotate_signing_key(path)
    second = TokenSigner.load(path)
    rotate_signing_key(path)
    third = TokenSigner.load(path)
    assert kids(third) == [third.kid, second.kid, first.kid]
    token = token_of(first, exp=moment + timedelta(days=1))
    subject_of(third, token)  # which remembers it
    monkeypatch.setattr(signing, "now", lambda: moment + RETIRED_FOR + timedelta(minutes=1))
    assert kids(third) == [third.kid]
    with pytest.raises(Unauthenticated):
        subject_of(third, token)
    rotate_signing_key(path)
    assert path.read_text().count("Retired:") == 1


def test_running_process_follows_a_new_key_when_it_meets_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = TokenSigner.load(path)
    old = token_of(running)
    rotate_signing_key(path)
    new = token_of(TokenSigner.load(path))
    monkeypatch.setattr(signing, "_LOOK_FOR_UNKNOWN_SECONDS", 0.0)
    assert subject_of(running, new) == "ada"
    assert subject_of(running, old) == "ada"
    assert running.kid == jwt.get_unverified_header(new)["kid"]


def test_running_process_signs_with_a_new_key_after_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = TokenSigner.load(path)
    kid = rotate_signing_key(path)
    assert jwt.get_unverified_header(token_of(running))["kid"] != kid  # looked a moment ago
    later = time.monotonic() + 10
    monkeypatch.setattr(signing.time, "monotonic", lambda: later)
    assert jwt.get_unverified_header(token_of(running))["kid"] == kid


def test_unknown_kids_do_not_have_the_file_read_each_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = TokenSigner.load(path)
    looks = 0

    def version(_path: Path) -> None:
        nonlocal looks
        looks += 1

    monkeypatch.setattr(signing, "_version", version)
    foreign = token_of(TokenSigner(new_signing_key()))
    for _ in range(50):
        with pytest.raises(Unauthenticated):
            subject_of(running, foreign)
    assert looks == 0


def test_file_that_became_unusable_is_logged_and_the_known_keys_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = TokenSigner.load(path)
    token = token_of(running)
    path.write_text("not a key")
    monkeypatch.setattr(signing, "_LOOK_SECONDS", 0.0)
    with capture_logs() as logs:
        assert subject_of(running, token) == "ada"
        assert subject_of(running, token) == "ada"
    assert [entry["event"] for entry in logs] == ["signing_keys.unusable"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        new_signing_key() + b"Retired: yesterday\n-----BEGIN PUBLIC KEY-----\nx\n"
        b"-----END PUBLIC KEY-----\n",
    ],
)
def test_file_without_usable_keys_is_refused_and_not_rotated(home: Path, content: bytes) -> None:
    path = home / "jwt.pem"
    path.write_bytes(content)
    with pytest.raises(SigningKeyError):
        TokenSigner.load(path)
    with pytest.raises(SigningKeyError):
        rotate_signing_key(path)
    assert path.read_bytes() == content


def test_missing_file_is_refused_and_none_is_made(home: Path) -> None:
    with pytest.raises(SigningKeyError):
        rotate_signing_key(home / "jwt.pem")
    assert list(home.iterdir()) == []


def forged(header: dict[str, object], claims: dict[str, object], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_tokens_of_other_makers_algorithms_and_keys_are_refused(path: Path) -> None:
    signer = TokenSigner.load(path)
    claims = jwt.decode(token_of(signer), options={"verify_signature": False})
    ours = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(ours, Ed25519PrivateKey)
    stranger = Ed25519PrivateKey.generate()
    public = signer.jwks()["keys"][0]["x"].encode()
    kid = {"kid": signer.kid}

    def signed(key: object, algorithm: str = "EdDSA", headers: object = kid, **more: object) -> str:
        return jwt.encode({**claims, **more}, key, algorithm=algorithm, headers=headers)  # type: ignore[arg-type]

    assert subject_of(signer, signed(ours)) == "ada"
    refused = {
        "none": jwt.encode(claims, None, algorithm="none", headers=kid),
        "None": forged({"alg": "None", **kid}, claims),
        "no algorithm": forged(dict(kid), claims),
        "HS256 with the public key": signed(public + b"0" * 32, "HS256"),
        "stranger's key": signed(stranger),
        "unknown kid": signed(ours, headers={"kid": "0" * 16}),
        "no kid": signed(ours, headers=None),
        "kid that is no text": forged({"alg": "EdDSA", "kid": {"a": 1}}, claims),
        "expired": signed(ours, exp=now() - timedelta(seconds=1)),
        "issued later": signed(ours, iat=now() + timedelta(hours=1)),
        "other audience": signed(ours, aud="elsewhere"),
        "other issuer": signed(ours, iss="elsewhere"),
        "critical extension": signed(ours, headers={**kid, "crit": ["x"], "x": 1}),
        "changed": signed(ours)[:-8] + "AAAAAAAA",
        "two parts": "a.b",
        "other characters": "é.b.c",
        "not ours at all": "x",
    }
    accepted = []
    for name, token in refused.items():
        try:
            subject_of(signer, token)
        except Unauthenticated:
            continue
        accepted.append(name)
    assert accepted == []
