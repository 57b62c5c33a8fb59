"""Dockerfile (https://docs.docker.com/reference/dockerfile, 2026-11).

Built from by the providers that build images. For a build from source it tells the runtime's
version, the port, variables, and how the app is started where nothing else does. A command that
names what only the image has is a fact and no command.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import NamedTuple

from autodeploy.providers.images import ImageBuild
from autodeploy.services.analyzer.declared.base import Declared, Said, SaidVariable, Source
from autodeploy.services.analyzer.declared.containers import holds_here, on_port
from autodeploy.services.analyzer.declared.document import (
    LONGEST_VALUE,
    MOST_ITEMS,
    VARIABLE,
    find_file,
    is_command,
    one_line,
    port_number,
)
from autodeploy.services.analyzer.declared.images import ENTRYPOINTS, name_of, runtime_of
from autodeploy.services.analyzer.evidence import SourceFiles, texts

_INSTRUCTION = re.compile(r"\s*([A-Za-z]{2,11})\s+(\S.*)", re.S)
_HEREDOC = re.compile(r"<<-?[\"']?(\w{1,40})")
_ARGUMENT = re.compile(r"\$\{?(\w{1,100})(?::?-([^}]{0,200}))?\}?")
_CHECKED = re.compile(r"\b(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d{1,5}))?(/[\w./-]*)")
_WRAPPERS = re.compile(r"^(?:(?:/\S{0,40}/)?(?:tini|dumb-init)(?: -g)?(?: --)?|exec) ")
_LONGEST_ARGUMENT = 200
_MOST_INSTRUCTIONS = 1_000
_SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash", "/usr/bin/bash", "ash", "/bin/ash")


class _Spoken(NamedTuple):
    """A CMD or ENTRYPOINT as a shell line, and whether it was an array."""

    text: str
    is_array: bool
    line: int


@dataclass(eq=False)
class _Stage:
    """One FROM: its image after arguments are put in, the chain it stands on, what it says."""

    image: str
    line: int
    below: "_Stage | None"
    entrypoint: _Spoken | None = None
    command: _Spoken | None = None
    ports: list[tuple[int, int]] = field(default_factory=list)
    health: tuple[str, int] | None = None

    def chain(self) -> Iterator["_Stage"]:
        stage: _Stage | None = self
        while stage is not None:
            yield stage
            stage = stage.below


@dataclass(frozen=True)
class _Variable:
    """ENV of a stage, or ARG, which is of none."""

    key: str
    line: int
    value: str | None
    stage: _Stage | None


def declare(files: SourceFiles) -> Declared | None:
    path = find_file(files, Source.DOCKERFILE)
    if path is None:
        return None
    stages, variables = _read(files.text(path) or "")
    if not stages:
        files.warn(f"{files.at(path)} has no FROM and was left out.")
        return None

    def said(key: str, value: str, line: int) -> Said[str]:
        files.note(path, f"says {key} {value[:80]}", line)
        return Said(value, Source.DOCKERFILE, files.at(path), key, line)

    final = stages[-1]
    runtimes = {}
    for stage in stages:
        runtime = runtime_of(stage.image)
        if runtime and runtime[1]:
            runtimes[runtime[0]] = said("FROM", runtime[1], stage.line)
    port = _port(final)
    image = ImageBuild(files.at(path), files.root or ".", port=port[0] if port else None)
    made = next((one for stage in final.chain() if (one := runtime_of(stage.image))), None)
    return Declared(
        start=_start(final, files, path),
        health_path=_health(final, files.at(path), port),
        port=Said(port[0], Source.DOCKERFILE, files.at(path), "EXPOSE", port[1]) if port else None,
        language=said("FROM", made[0], final.line) if made else None,
        image=Said(image, Source.DOCKERFILE, files.at(path), "FROM", final.line),
        runtimes=runtimes,
        variables=tuple(_variables(variables, final, files.at(path))),
    )


def exposed_port(text: str) -> int | None:
    """The first port that the image of a Dockerfile's text exposes."""
    stages, _ = _read(text)
    port = _port(stages[-1]) if stages else None
    return port[0] if port else None


def _port(final: _Stage) -> tuple[int, int] | None:
    return next((stage.ports[0] for stage in final.chain() if stage.ports), None)


def _read(text: str) -> tuple[list[_Stage], list[_Variable]]:
    arguments: dict[str, str] = {}
    stages: list[_Stage] = []
    by_name: dict[str, _Stage] = {}
    variables: list[_Variable] = []
    for line, word, rest in islice(_instructions(text), _MOST_INSTRUCTIONS):
        if word == "FROM":
            image, name = _from(_filled(rest[:LONGEST_VALUE], arguments))
            below = by_name.get(image)
            stages.append(_Stage(below.image if below else image, line, below))
            by_name[name or str(len(stages) - 1)] = stages[-1]
        elif word == "ARG":
            for key, value in _pairs(rest, "="):
                if not stages:
                    arguments[key] = (value or "")[:_LONGEST_ARGUMENT]
                variables.append(_Variable(key, line, value, None))
        elif word == "ENV" and stages:
            variables += [_Variable(key, line, value, stages[-1]) for key, value in _pairs(rest)]
        elif stages:
            _run(stages[-1], line, word, rest)
    return stages, variables[:MOST_ITEMS]


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, instruction, its text) without comments, continued lines joined, heredocs skipped."""
    pending: list[str] = []
    first, until = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if line.strip() == until else until
            continue
        if line.lstrip().startswith("#") or (pending and not line.strip()):
            continue
        first = first if pending else number
        stripped = line.rstrip()
        pending.append(stripped.removesuffix("\\").strip())
        if stripped.endswith("\\"):
            continue
        named = _INSTRUCTION.match(" ".join(pending))
        pending = []
        if named:
            word = named[1].upper()
            heredoc = _HEREDOC.search(named[2]) if word in ("RUN", "COPY", "ADD") else None
            until = heredoc[1] if heredoc else ""
            yield first, word, named[2].strip()


def _from(rest: str) -> tuple[str, str | None]:
    words = [word for word in rest.split() if not word.startswith("--")]
    name = words[2] if len(words) > 2 and words[1].lower() == "as" else None
    return (words[0] if words else ""), name


def _filled(text: str, arguments: Mapping[str, str]) -> str:
    return _ARGUMENT.sub(lambda found: arguments.get(found[1]) or found[2] or "", text)


def _pairs(rest: str, sign: str = " ") -> list[tuple[str, str | None]]:
    """The assignments of ENV: ``A=b C="d e"``, or the older ``A b``; of ARG, which may be bare.

    People write comments behind them, which Docker takes for more of the same.
    """
    try:
        said = shlex.split(rest[: 16 * LONGEST_VALUE])
    except ValueError:
        return []
    words = list(takewhile(lambda word: not word.startswith("#"), said))
    if words and "=" not in words[0] and sign == " ":
        return [(words[0], " ".join(words[1:]) or None)]
    return [(key, value or None) for key, _, value in (word.partition("=") for word in words)]


def _run(stage: _Stage, line: int, word: str, rest: str) -> None:
    if word in ("CMD", "ENTRYPOINT"):
        spoken = _Spoken(*_command(rest), line)
        if word == "CMD":
            stage.command = spoken
        else:
            stage.entrypoint = spoken
    elif word == "EXPOSE":
        numbers = [port_number(one.partition("/")[0]) for one in rest.split()]
        stage.ports += [(number, line) for number in numbers if number]
    elif word == "HEALTHCHECK":
        stage.health = (rest, line)


def _command(rest: str) -> tuple[str, bool]:
    """(the line, whether it is an array) of CMD and ENTRYPOINT."""
    try:
        words = texts(json.loads(rest)) if rest.startswith("[") and len(rest) < 20_000 else []
    except (ValueError, RecursionError):
        words = []
    if not words:
        return ("" if rest.startswith("[") else one_line(rest)), False
    if len(words) == 3 and words[0] in _SHELLS and re.fullmatch(r"-\w*c", words[1]):
        return one_line(words[2]), True
    return " ".join(word if "$" in word else shlex.quote(word) for word in words), True


def _start(final: _Stage, files: SourceFiles, path: str) -> Said[str] | None:
    entrypoint = next((one.entrypoint for one in final.chain() if one.entrypoint), None)
    command = None
    for stage in final.chain():
        command = command or stage.command
        if stage.entrypoint:  # it takes back the command of the image below
            break
    own = ENTRYPOINTS.get(name_of(final.image)[0])
    if entrypoint is None and own and command and command.is_array:
        entrypoint = _Spoken(own, True, command.line)
    if entrypoint and not entrypoint.is_array:  # then Docker reads no command either
        command = None
    last = command or entrypoint
    text = " ".join(one.text for one in (entrypoint, command) if one)
    if last is None or not text or not is_command(text):
        return None
    text = _WRAPPERS.sub("", text)
    key = "CMD" if command else "ENTRYPOINT"
    made = next((one for stage in final.chain() if (one := runtime_of(stage.image))), None)
    if not holds_here(text, files, made[0] if made else None):
        files.note(path, f"{key} `{text[:80]}` is for its own image", last.line)
        return None
    files.note(path, f"says {key} {text[:80]}", last.line)
    return on_port(Said(text, Source.DOCKERFILE, files.at(path), key, last.line))


def _health(final: _Stage, file: str, port: tuple[int, int] | None) -> Said[str] | None:
    check = next((stage.health for stage in final.chain() if stage.health), None)
    found = _CHECKED.search(check[0]) if check else None
    if check is None or found is None:
        return None
    asked = port_number(found[1] or "")
    if asked and port and asked != port[0]:
        return None
    return Said(found[2], Source.DOCKERFILE, file, "HEALTHCHECK", check[1])


def _variables(found: list[_Variable], final: _Stage, file: str) -> Iterator[SaidVariable]:
    """What the image and its build are told."""
    arguments = {one.key: one.value for one in found if one.stage is None}
    stages = list(final.chain())
    for one in found:
        if VARIABLE.fullmatch(one.key):
            value = one.value
            if value and "$" in value:
                value = arguments.get(one.key)
            key = "ENV" if one.stage else "ARG"
            said = Said(one.key, Source.DOCKERFILE, file, f"{key} {one.key}", one.line)
            yield SaidVariable(
                one.key,
                said,
                build=one.key in arguments or one.stage not in stages or None,
                default=value[:LONGEST_VALUE] if value and "$" not in value else None,
            )
