"""The pages about error codes: ``docs/errors/<code>.md``, which the package brings along."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_SECTION = re.compile(r"^## (.+)\n", re.MULTILINE)
_CODE = re.compile(r"[a-z0-9_]{1,60}")

HAPPENED, WHY, TO_DO, EXAMPLE = SECTIONS = (
    "What happened",
    "Why",
    "What to do",
    "Example",
)


@dataclass(frozen=True)
class Page:
    """What is to be known about one code: the page as it is, and its sections by title."""

    code: str
    markdown: str
    sections: dict[str, str]

    @property
    def summary(self) -> str:
        """What happened, in its first sentence."""
        words = " ".join(self.sections[HAPPENED].split())
        return re.split(r"(?<=\.) (?=[A-Z`])", words)[0]


def find_page(code: str) -> Page | None:
    """The page about ``code``, or None: a newer platform may know more than this command line."""
    place = files(__package__) / "errors" / f"{code}.md"
    if not _CODE.fullmatch(code) or not place.is_file():
        return None
    markdown = place.read_text(encoding="utf-8")
    _, *parts = _SECTION.split(markdown)
    titles, texts = parts[::2], parts[1::2]
    return Page(code, markdown, {t: x.strip() for t, x in zip(titles, texts, strict=True)})


@cache
def all_codes() -> list[str]:
    """Every code that has a page."""
    names = (place.name for place in (files(__package__) / "errors").iterdir())
    return sorted(name.removesuffix(".md") for name in names if name.endswith(".md"))
