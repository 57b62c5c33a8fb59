"""One call to a service, as data: what is sent, and what may be done with it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from autodeploy.kernel.errors import InvalidInput

#: RFC 9110, section 9.2.2: to apply one of them twice is to apply it once.
_IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE"}
_LIMIT_BYTES = 1024 * 1024

_Texts = Mapping[str, str]


@dataclass(frozen=True)
class Upload:
    """A body that is made anew for each attempt, so that it need not be held in memory."""

    size_bytes: int
    chunks: Callable[[], AsyncIterator[bytes]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request and its bounds. Its text shows the template alone: values may be secret.

    Attributes:
        template: a path such as ``/repos/{owner}/{repo}``, below the base address of the client,
            or a whole address. It is also the label of traces, so it holds no values.
        parts: what stands for the names in braces, quoted here. Only ``{path}`` may hold slashes.
        address: where the call goes instead, such as the next page that the service named.
        form, body, upload: the body: a form, JSON, or bytes as they are. At most one is given.
        basic: a user and a password.
        server_name: whose certificate is expected, where the address names a number.
        safe: it may be repeated although it may have been applied. None asks the method.
        moved: an answer 3xx is the caller's to judge.
        within_seconds: the bound of all attempts with their waits, instead of the client's.
        silent_seconds: the longest silence before and within an answer, instead of the client's.
        limit_bytes: of the answer.
    """

    method: str = field(kw_only=False)
    template: str = field(kw_only=False)
    parts: _Texts = field(default_factory=dict, repr=False)
    address: str | None = field(default=None, repr=False)
    query: _Texts = field(default_factory=dict, repr=False)
    headers: _Texts = field(default_factory=dict, repr=False)
    form: _Texts | None = field(default=None, repr=False)
    body: Mapping[str, object] | Sequence[object] | None = field(default=None, repr=False)
    upload: Upload | None = None
    basic: tuple[str, str] | None = field(default=None, repr=False)
    server_name: str | None = None
    safe: bool | None = None
    moved: bool = False
    within_seconds: float | None = None
    silent_seconds: float | None = None
    limit_bytes: int = _LIMIT_BYTES

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when its answer was lost."""
        return self.method in _IDEMPOTENT if self.safe is None else self.safe

    @property
    def route(self) -> str:
        """The path with names for values, for traces and metrics."""
        return urlsplit(self.template).path

    def url(self, base: str) -> str:
        """The address without its query. Raises ``InvalidInput`` for a part that is no name."""
        if self.address is not None:
            return self.address
        filled = self.template.format_map({name: _part(name, v) for name, v in self.parts.items()})
        return filled if "://" in filled else f"{base}{filled}"


def _part(name: str, value: str) -> str:
    """A value as part of a path. ``..`` would be resolved, and so lead to another one."""
    names = value.split("/") if name == "path" else [value]
    if any(each in ("", ".", "..") for each in names):
        raise InvalidInput(f"This cannot be the {name} of an address.", field=name)
    return "/".join(quote(each, safe="") for each in names)
