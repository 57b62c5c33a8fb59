"""What the code around a read says: what stands in for a missing value, whether one is demanded.

Languages differ in little here, so that one table serves all. It looks at a bounded stretch of
source behind and before the read, in patterns that take linear time.
"""

import re
from dataclasses import dataclass

from autodeploy.services.analyzer.plan import VariableType

BEFORE_CHARACTERS, BEHIND_CHARACTERS = 100, 300

_LITERAL = r"""(?:String::from\()?(?:"(?P<double>[^"\n]{0,200})"|'(?P<single>[^'\n]{0,200})'
    |(?P<bare>-?\d[\w.]{0,20}|(?:true|false)\b))"""
# A conversion of the value on the way: `.to_i`, `?.trim()`, `|> String.to_integer()`, `as string`.
_CONVERTED = r"(?:\s{0,80}(?:\?{0,1}\.\w{1,40}(?:\(\))?!?|\|>\s{0,20}[\w.]{1,40}(?:\(\))?)){0,3}?"
_INSTEAD = re.compile(
    rf"""\){{0,3}}{_CONVERTED}\){{0,3}}\s{{0,80}}(?:
      (?P<operator>\|\|=?|\?\?=?|\?:|or\b)\s{{0,80}}
      |\.(?P<method>unwrap_or(?:_else|_default)?|or_else|orElse(?:Get)?|getOrElse|ifEmpty|ifBlank)
        \s?[({{]\s{{0,80}}(?:\|\w*\|\s?|\(\)\s?->\s{{0,80}})?
    )(?P<value>{_LITERAL})?""",
    re.X,
)
_FAILS = re.compile(
    r"\s*\(?(raise|throw|error|panic|fail|abort|exit|die|fatalError|preconditionFailure|halt)\b"
)
_DEMANDED = re.compile(
    r"\)?\s{0,80}(?:!!|!(?![=\w~])|\.(?:unwrap\(\)|expect\(|orElseThrow|context\(|with_context\(|map_err\()"
    r"|\?(?=\s*[;,)\n]))"
)
_ASSIGNED = re.compile(r"(\w{1,80})(?:\s?,\s?\w{1,40})?\s{0,20}:?=\s{0,20}$")
_WRITTEN = re.compile(r"\s{0,20}=(?![=~>])")
_INTEGER = re.compile(
    r"(?:to_integer|Atoi|[pP]arseInt|ParseUint|Integer|intval|\(int\)|int\.Parse|toInt|\bint)\(?\s{0,20}\(?$"
)
_BOOLEAN = re.compile(
    r"(?:ParseBool|parseBoolean|\(bool\)|bool\.Parse|to_boolean|\bbool)\(?\s?\(?$"
)
_TO_INTEGER = re.compile(
    r"\)?[?!]{0,2}\s{0,80}(?:\.to_i\b|\??\.to(?:Int|Long)\b|\.parse::<[iu]\d|\|>\s{0,20}String\.to_integer)"
)
_TO_BOOLEAN = re.compile(
    r"""\)?[?!]{0,2}\s{0,20}(?:={2,3}\s{0,20}["'](?:true|1|yes|on)["']|\??\.toBoolean|\.parse::<bool)"""
)


@dataclass(frozen=True)
class Handling:
    """How a read is dealt with: ``type`` is None when its surroundings name none."""

    has_default: bool = False
    default: str | None = None
    demanded: bool = False
    written: bool = False
    type: VariableType | None = None


def handling(before: str, behind: str) -> Handling:
    """What is said of a read by the source up to it and behind it."""
    kind = _type(before, behind)
    instead = _INSTEAD.match(behind)
    if instead is None:
        demanded = _DEMANDED.match(behind) is not None or _is_checked(before, behind)
        return Handling(demanded=demanded, written=_WRITTEN.match(behind) is not None, type=kind)
    if _FAILS.match(behind, instead.end()):
        return Handling(demanded=True, type=kind)
    value = next((instead[n] for n in ("double", "single", "bare") if instead[n] is not None), None)
    return Handling(has_default=True, default=value, type=kind)


def _is_checked(before: str, behind: str) -> bool:
    """Whether the statement after the read gives up when the value is missing."""
    assigned = _ASSIGNED.search(before)
    if assigned is None:
        return False
    check = re.match(
        rf"\)?;?\s{{0,80}}if\s?\(?(?P<test>[^\n{{]{{0,120}}\b{assigned[1]}\b[^\n{{]{{0,80}}|\s?!ok\s?)"
        r"[\n{:]\s{0,80}\{?\s{0,80}(?P<then>[^\n]{0,160})",
        behind,
    )
    if check is None or "!=" in check["test"]:
        return False
    return (
        re.search(
            r"\b(panic|Fatal\w*|Exit|throw|raise|die|exit|abort|Errorf|errors\.New)\b",
            check["then"],
        )
        is not None
    )


def _type(before: str, behind: str) -> VariableType | None:
    if _INTEGER.search(before) or _TO_INTEGER.match(behind):
        return VariableType.INTEGER
    if _BOOLEAN.search(before) or _TO_BOOLEAN.match(behind):
        return VariableType.BOOLEAN
    return None
