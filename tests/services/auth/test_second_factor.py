"""The second factor: enrolled, asked for at each login, used once a code, recovered from."""

import asyncio
from datetime import datetime, timedelta

import pyotp
import pytest
from sqlalchemy import select
from tests.services.auth.accounts import PASSWORD, signed_up
from tests.services.auth.mails import links_to, mails_to

from autodeploy.kernel.clock import now
from autodeploy.kernel.errors import Conflict, TooManyRequests
from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import one_time_codes, second_factor, service
from autodeploy.services.auth.errors import (
    ChallengeEnded,
    WrongCode,
    WrongCredentials,
    WrongPassword,
)
from autodeploy.services.auth.models import RecoveryCode, SecondFactor
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import (
    CodeInput,
    ConfirmedInput,
    EnrolInput,
    LoginInput,
    ResetInput,
    SecondFactorLoginInput,
    SecondFactorNeeded,
    SignedIn,
)

ADA = "ada@example.com"


class Clock:
    """The time that codes are checked at."""

    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float = 30) -> None:
        self.moment += timedelta(seconds=seconds)


class App:
    """A user with an authenticator app."""

    def __init__(
        self, resources: Resources, caller: Principal, secret: str, uri: str, clock: Clock
    ):
        self.resources, self.caller, self.secret, self.uri = resources, caller, secret, uri
        self.clock = clock
        self.recovery_codes: list[str] = []

    def code(self) -> str:
        return pyotp.TOTP(self.secret).at(self.clock.moment)

    async def confirm(self) -> None:
        codes = await second_factor.confirm(
            self.resources, self.caller, CodeInput(code=self.code())
        )
        self.recovery_codes = codes.recovery_codes
        self.clock.forward()

    async def login(self, code: str | None = None, challenge: str | None = None) -> SignedIn:
        body = SecondFactorLoginInput(
            challenge=challenge or await begin_login(self.resources), code=code or self.code()
        )
        return await service.login_with_second_factor(
            self.resources, body, user_agent="tests", address=None
        )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(second_factor, "now", clock)
    return clock


@pytest.fixture
async def enrolled(resources: Resources, clock: Clock) -> App:
    """An app that is not confirmed yet."""
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    made = await second_factor.enrol(resources, caller, EnrolInput(password=PASSWORD))
    return App(resources, caller, made.secret, made.otpauth_uri, clock)


@pytest.fixture
async def app(enrolled: App) -> App:
    """An app that counts."""
    await enrolled.confirm()
    return enrolled


async def login(resources: Resources) -> SignedIn | SecondFactorNeeded:
    body = LoginInput(email=ADA, password=PASSWORD)
    return await service.login(resources, body, user_agent=None, address=None)


async def begin_login(resources: Resources) -> str:
    answer = await login(resources)
    assert isinstance(answer, SecondFactorNeeded)
    return answer.second_factor.challenge


async def test_login_asks_for_a_code_once_the_app_is_confirmed(resources, enrolled):
    assert isinstance(await login(resources), SignedIn)
    assert not (await second_factor.get_second_factor(resources, enrolled.caller)).enabled
    await enrolled.confirm()
    view = await second_factor.get_second_factor(resources, enrolled.caller)
    assert (view.enabled, view.recovery_codes_left) == (True, 10)
    signed_in = await enrolled.login()
    assert (await service.authenticate(resources, signed_in.access_token)).email == ADA


async def test_uri_names_the_account_and_every_app_understands_it(enrolled):
    parsed = pyotp.parse_uri(enrolled.uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.issuer, parsed.name) == (enrolled.secret, "AutoDeploy", ADA)
    assert (parsed.digits, parsed.interval) == (6, 30)


async def test_secret_is_sealed_and_recovery_codes_are_hashed(resources, app):
    async with resources.db.transaction() as session:
        factor = (await session.scalars(select(SecondFactor))).one()
        codes = (await session.scalars(select(RecoveryCode))).all()
    assert app.secret not in factor.encrypted_secret
    opened = await resources.vault.decrypt_for(
        f"user:{app.caller.user_id}",
        factor.encrypted_secret,
        context=f"second_factors:{app.caller.user_id}",
    )
    assert opened == app.secret
    assert len({code.code_hash for code in codes}) == len(set(app.recovery_codes)) == 10
    assert all(len(code.code_hash) == 32 for code in codes)


async def test_enrolling_needs_the_password(resources, enrolled):
    with pytest.raises(WrongPassword):
        await second_factor.enrol(resources, enrolled.caller, EnrolInput(password="wrong"))


async def test_another_app_is_only_enrolled_when_the_factor_is_off(resources, app):
    with pytest.raises(Conflict, match="has a second factor"):
        await second_factor.enrol(resources, app.caller, EnrolInput(password=PASSWORD))
    with pytest.raises(Conflict, match="has a second factor"):
        await second_factor.confirm(resources, app.caller, CodeInput(code=app.code()))
    await app.login()


async def test_enrolling_again_before_confirming_replaces_the_secret(resources, enrolled):
    again = await second_factor.enrol(resources, enrolled.caller, EnrolInput(password=PASSWORD))
    with pytest.raises(WrongCode):
        await enrolled.confirm()
    enrolled.secret = again.secret
    await enrolled.confirm()


async def test_an_app_that_is_replaced_while_it_is_confirmed_does_not_confirm_the_other(
    resources, enrolled, monkeypatch
):
    accept = second_factor._accept_step

    async def accept_late(*arguments: object) -> None:
        await second_factor.enrol(resources, enrolled.caller, EnrolInput(password=PASSWORD))
        await accept(*arguments)

    monkeypatch.setattr(second_factor, "_accept_step", accept_late)
    with pytest.raises(Conflict):
        await enrolled.confirm()
    assert isinstance(await login(resources), SignedIn)


async def test_confirming_without_an_app_is_refused(resources):
    signed_in = await signed_up(resources, ADA)
    caller = await service.authenticate(resources, signed_in.access_token)
    with pytest.raises(Conflict, match="no app"):
        await second_factor.confirm(resources, caller, CodeInput(code="123456"))


async def test_a_code_works_once_also_in_another_login(app):
    code = app.code()
    await app.login(code)
    with pytest.raises(WrongCode) as refusal:
        await app.login(code)
    assert refusal.value.field == "code"


async def test_of_concurrent_logins_with_one_code_one_succeeds(resources, app):
    challenges = [await begin_login(resources) for _ in range(4)]
    code = app.code()
    answers = await asyncio.gather(
        *(app.login(code, challenge) for challenge in challenges), return_exceptions=True
    )
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1
    assert sum(isinstance(answer, WrongCode) for answer in answers) == 3


async def test_a_code_of_an_earlier_step_is_refused_after_a_later_one(app):
    early = app.code()
    app.clock.forward()
    await app.login()
    with pytest.raises(WrongCode):
        await app.login(early)


@pytest.mark.parametrize(("seconds", "accepted"), [(-60, False), (-30, True), (30, True)])
async def test_clock_of_the_app_may_be_off_by_one_step(app, seconds, accepted):
    app.clock.forward(120)
    code = pyotp.TOTP(app.secret).at(app.clock.moment + timedelta(seconds=seconds))
    if accepted:
        await app.login(code)
    else:
        with pytest.raises(WrongCode):
            await app.login(code)


async def test_code_may_be_typed_with_a_space(app):
    code = app.code()
    await app.login(f" {code[:3]} {code[3:]}")


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "12345", "٣٣٣٣٣٣", "é", "-", "x" * 50])
async def test_what_is_no_code_is_refused(app, code):
    if code == app.code():
        pytest.skip("one in a million")
    challenge = await begin_login(app.resources)
    body = SecondFactorLoginInput(challenge=challenge, code=code)
    with pytest.raises(WrongCode):
        await service.login_with_second_factor(app.resources, body, user_agent=None, address=None)


async def test_a_recovery_code_works_once_and_however_it_is_typed(resources, app):
    first, second, *_ = app.recovery_codes
    await app.login(first)
    with pytest.raises(WrongCode):
        await app.login(first)
    await app.login(second.upper().replace("-", " "))
    view = await second_factor.get_second_factor(resources, app.caller)
    assert view.recovery_codes_left == 8


async def test_new_recovery_codes_replace_the_old_ones(resources, app):
    body = ConfirmedInput(password=PASSWORD, code=app.code())
    new = (await second_factor.renew_recovery_codes(resources, app.caller, body)).recovery_codes
    with pytest.raises(WrongCode):
        await app.login(app.recovery_codes[0])
    await app.login(new[0])


async def test_codes_cannot_be_guessed(app):
    challenge = await begin_login(app.resources)
    for _ in range(5):
        with pytest.raises(WrongCode):
            await app.login("not-a-code", challenge)
    with pytest.raises(TooManyRequests):
        await app.login(app.code(), challenge)
    with pytest.raises(TooManyRequests):  # another challenge is no way round it
        await app.login(app.recovery_codes[0])


async def test_a_challenge_works_once_and_a_made_up_one_never(app):
    challenge = await begin_login(app.resources)
    await app.login(challenge=challenge)
    app.clock.forward()
    for used in (challenge, "made up", "é"):
        with pytest.raises(ChallengeEnded):
            await app.login(challenge=used)


async def test_a_mistyped_code_does_not_end_the_challenge(app):
    challenge = await begin_login(app.resources)
    with pytest.raises(WrongCode):
        await app.login("not-a-code", challenge)
    await app.login(challenge=challenge)


async def test_a_challenge_ends_with_the_password_that_it_was_given_for(resources, app):
    challenge = await begin_login(resources)
    await service.request_reset(resources, ADA, address=None)
    (token,) = await links_to(resources, ADA, "reset-password")
    await service.reset_password(resources, ResetInput(token=token, password="another horse"))
    with pytest.raises(ChallengeEnded):
        await app.login(challenge=challenge)


async def test_a_new_password_does_not_switch_the_factor_off(resources, app):
    await service.request_reset(resources, ADA, address=None)
    (token,) = await links_to(resources, ADA, "reset-password")
    await service.reset_password(resources, ResetInput(token=token, password=PASSWORD))
    assert isinstance(await login(resources), SecondFactorNeeded)


async def test_a_wrong_password_is_refused_before_a_code_is_asked_for(resources, app):
    with pytest.raises(WrongCredentials):
        body = LoginInput(email=ADA, password="wrong")
        await service.login(resources, body, user_agent=None, address=None)


async def test_switching_off_needs_password_and_code_and_is_told_by_mail(resources, app):
    wrong = (
        ConfirmedInput(password="wrong", code=app.code()),
        ConfirmedInput(password=PASSWORD, code="not-a-code"),
    )
    for body, refusal in zip(wrong, (WrongPassword, WrongCode), strict=True):
        with pytest.raises(refusal):
            await second_factor.disable(resources, app.caller, body)
    body = ConfirmedInput(password=PASSWORD, code=app.code())
    await second_factor.disable(resources, app.caller, body)
    assert isinstance(await login(resources), SignedIn)
    assert "switched off" in (await mails_to(resources, ADA))[-1]
    async with resources.db.transaction() as session:
        assert (await session.scalars(select(RecoveryCode))).all() == []
    with pytest.raises(Conflict):
        await second_factor.disable(resources, app.caller, body)


def test_codes_are_those_of_the_standard():
    """RFC 6238, appendix B, for SHA-1; the last six of eight digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        moment = datetime.fromtimestamp(seconds, now().tzinfo)
        assert one_time_codes.step_of_code(secret, code, moment) == seconds // 30
