"""What Vercel's API answers of domains, as far as it is used: see ``shapes``."""

from pydantic import Field

from autodeploy.providers.vercel.shapes import Shape


class Challenge(Shape):
    """A record that proves whose a domain is: ``domain`` is its name, ``type`` such as TXT."""

    type: str
    domain: str
    value: str
    reason: str = ""


class Domain(Shape):
    """``verification`` holds challenges while it is not verified."""

    name: str
    verified: bool
    apex_name: str = ""
    verification: tuple[Challenge, ...] = ()


class Alias(Shape):
    """Where a host name leads."""

    project_id: str | None = None


class DomainRecords(Shape):
    """``misconfigured`` while its records do not lead to Vercel; the recommended ones by rank."""

    class Addresses(Shape):
        rank: float
        value: tuple[str, ...] = ()

    class Name(Shape):
        rank: float
        value: str

    misconfigured: bool
    addresses: tuple[Addresses, ...] = Field(default=(), alias="recommendedIPv4")
    names: tuple[Name, ...] = Field(default=(), alias="recommendedCNAME")
