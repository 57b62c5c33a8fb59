"""From what a failed command said to the lines that matter, and to what they mean.

The last lines are rarely the ones: package managers end with where their own log is, Node with
frames of its loader. Linear in the text, and bounded whatever is printed.
"""

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOST_LINES = 20
_LAST_LINES = 3
_FIRST_LINES = 3
_LONGEST_LINE = 500
_LONGEST_NAME = 200
_LOOKED_AT = 400

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.")
_NOISE = re.compile(
    r"npm (notice|warn)\b|npm (error|ERR!)( 404| notarget| enoent)?\s*$"
    r"|npm (error|ERR!) A complete log of this run|npm (error|ERR!) +\S*/_logs/"
    r"|npm (error|ERR!) (Clean install a project|For a full report)"
    r"|npm (error|ERR!) 404 (Note that you can also install|tarball, folder, http url)"
    r"|\[DeployException\]:|\[notice\]|WARNING: Running pip as|info Visit https?://yarnpkg"
    r"|\s*errors: \[Getter/Setter\]|\}?\s*$",
    re.IGNORECASE,
)
# npm tells after an error how the command is used, in a hundred lines.
_USAGE = re.compile(r"npm (error|ERR!) Usage:")
# Frames of what the app did not write.
_FOREIGN_FRAME = re.compile(
    r"(npm (error|ERR!) )?\s+at .*(\(node:|\bnode:internal|/node_modules/|\(https?://)"
    r"|\s+at (async )?new Promise \(<anonymous>\)|\s+at ignore-listed frames"
)
_FOREIGN_FILE = re.compile(r'\s+File "[^"]*(/site-packages/|/lib/python3|<frozen |/bin/[^/"]+")')
# Node shows the place that threw before it says what: of no use where the place is its own.
_FOREIGN_PLACE = re.compile(r"(node:|(file://)?/\S*/node_modules/)\S*:\d+$")
_TRACEBACK = "Traceback (most recent call last):"
_CARET = re.compile(r"\s*[\^~]+\s*$")
# Where an account of a failure begins, by what compilers and package managers print.
_ERROR = re.compile(
    r"""
      npm\s(error|ERR!)
    | \s?ERR_PNPM_|\sERR_PNPM_
    | Your\sPipfile\.lock\b
    | error:?\s | ERROR:?\s | \[ERROR\] | \[error\] | ✘\s | ✗\s | ✖\s | ×\s | ⨯\s
    | ➤\sYN\d{4}:.*(Error|[Cc]annot|would\shave\sbeen|No\scandidates)
    | Error(\s\[\w+\])?:\s | Uncaught | Fatal | fatal:\s | FATAL
    | error\sduring\sbuild | Failed\sto\scompile | Build\sfailed | Build\serror\soccurred
    | \w*(Error|Exception):\s | \w+(\.\w+)+(Error|Exception)\b
    | .*\berror\sTS\d+: | .*:\d+:\d+\s-\serror\s | .*:\s(command\s)?not\sfound
    | .*\bNo\sspace\sleft\son\sdevice | .*\bheap\sout\sof\smemory | .*\bKilled\b
    | .*Cannot\sfind\smodule | .*Merge\sconflict | .*\bSyntaxError | .*\bpanicked\sat
    | .{0,80}\b(ERROR|FATAL|CRITICAL)\b | .*\.\w+:\d+:\d+:?\serror | \[!\]\s
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Explanation:
    """What a text in the output means. ``cause`` and ``remedy`` may name groups of ``pattern``:
    ``{package}``."""

    pattern: str
    cause: str
    remedy: str

    def match(self, text: str) -> Mapping[str, str] | None:
        """The groups found in ``text``, or None when the pattern is not in it."""
        found = re.search(self.pattern, text, re.MULTILINE)
        if found is None:
            return None
        groups = found.groupdict().items()
        return {name: _cut((value or "").strip(), _LONGEST_NAME) for name, value in groups}


def plain_lines(lines: Iterable[str]) -> list[str]:
    """The lines as a person reads them: no colours, no drawn-over progress, none too long."""
    shown = (_ESCAPES.sub("", line.rpartition("\r")[2][:4000]) for line in lines)
    return [_cut(line, _LONGEST_LINE) for line in shown]


def _cut(text: str, longest: int) -> str:
    """Shortened at a space: half of a secret would not be known for one where secrets go out."""
    if len(text) <= longest:
        return text
    return f"{text[:longest].rpartition(' ')[0]} …".lstrip()


def lines_that_matter(lines: Iterable[str]) -> list[str]:
    """At most ``MOST_LINES`` lines: where the failure is told, and how the output ends."""
    said = [line for line in plain_lines(deque(lines, _LOOKED_AT)) if not _NOISE.match(line)]
    said = _without_foreign_frames(_without_usage(said))
    start = _start_of_failure(said)
    if start is None:
        return said[-MOST_LINES:]
    account = _told_once(said[start:])
    if len(account) <= MOST_LINES:
        return account
    return _shortened(account)


def explain(lines: Iterable[str], explanations: Iterable[Explanation]) -> Explanation | None:
    """The first explanation that fits, with what it names filled in."""
    text = "\n".join(plain_lines(lines))
    for one in explanations:
        groups = one.match(text)
        if groups is not None:
            return Explanation(one.pattern, one.cause.format(**groups), one.remedy.format(**groups))
    return None


def _start_of_failure(said: Sequence[str]) -> int | None:
    """The index of the last traceback, else that of the line before the first error."""
    for index in range(len(said) - 1, -1, -1):
        if _TRACEBACK in said[index]:
            return index
    first = next((index for index, line in enumerate(said) if _ERROR.match(line.lstrip())), None)
    if first is None:
        return None
    # Node shows place, line and caret before the message.
    shows_place = first > 0 and _CARET.match(said[first - 1])
    return max(0, first - (3 if shows_place else 1))


def _told_once(account: list[str]) -> list[str]:
    """Without repetitions, where the same error comes again: an app is started several times."""
    error = next((line for line in account if _ERROR.match(line.lstrip())), None)
    if error is None or account.count(error) == 1:
        return account
    return list(dict.fromkeys(account))


def _shortened(account: Sequence[str]) -> list[str]:
    """The beginning and the end; of a traceback also its message, wherever that is."""
    room = MOST_LINES - _LAST_LINES - 1
    message = _message_of_traceback(account)
    if message is None or message < room:
        return [*account[:room], "…", *account[-_LAST_LINES:]]
    told = account[: message + 1]
    innermost = told[_FIRST_LINES - MOST_LINES + 1 :]
    return [*told[:_FIRST_LINES], "…", *innermost]


def _message_of_traceback(account: Sequence[str]) -> int | None:
    """The index of the line that says what was raised."""
    if _TRACEBACK not in account[0]:
        return None
    lines = enumerate(account)
    return next((index for index, line in lines if index and not line.startswith(" ")), None)


def _without_usage(said: Sequence[str]) -> list[str]:
    kept = []
    in_usage = False
    for line in said:
        in_usage = bool(_USAGE.match(line)) or (in_usage and line.startswith("npm "))
        if not in_usage:
            kept.append(line)
    return kept


def _without_foreign_frames(said: Sequence[str]) -> list[str]:
    """Stack traces without the frames of libraries, but for a traceback's innermost."""
    kept: list[str] = []
    index = 0
    while index < len(said):
        line = said[index]
        if _FOREIGN_FRAME.match(line):
            index += 1
        elif _FOREIGN_PLACE.match(line):
            index = _after_caret(said, index)
        elif _FOREIGN_FILE.match(line):
            following = index + 1
            while following < len(said) and said[following].startswith("    "):
                following += 1
            innermost = following >= len(said) or not said[following].startswith("  File ")
            telling = innermost and "<frozen " not in line
            kept += said[index:following] if telling else ()
            index = following
        else:
            kept.append(line)
            index += 1
    return kept


def _after_caret(said: Sequence[str], place: int) -> int:
    """The index after the lines of source that follow a place, which end with a caret."""
    for index in range(place + 1, min(place + 4, len(said))):
        if _CARET.match(said[index]):
            return index + 1
    return place + 1
