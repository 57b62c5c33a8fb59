"""Accounts for tests."""

from itertools import count

from argon2 import PasswordHasher

from autodeploy.kernel.resources import Resources
from autodeploy.services.auth import passwords, service
from autodeploy.services.auth.principal import Principal
from autodeploy.services.auth.schemas import RegisterInput, SignedIn

PASSWORD = "correct horse battery"
_numbers = count(1)

# Most tests sign somebody up. Hashing as slowly as for people would be most of what that takes.
AS_FOR_PEOPLE = passwords._hasher
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def registration(email: str | None = None, name: str = "Ada Lovelace") -> RegisterInput:
    return RegisterInput(
        email=email or f"user{next(_numbers)}@example.com", password=PASSWORD, name=name
    )


async def signed_up(resources: Resources, email: str | None = None) -> SignedIn:
    return await service.register(
        resources, registration(email), user_agent="tests", address="127.0.0.1"
    )


async def principal(resources: Resources) -> Principal:
    signed_in = await signed_up(resources)
    return await service.authenticate(resources, signed_in.access_token)
