"""XML without its dangers, and code without its comments."""

import time
from pathlib import Path

import pytest
from tests.services.analyzer.trees import write

from autodeploy.services.analyzer.evidence import SourceFiles
from autodeploy.services.analyzer.markup import without_comments
from autodeploy.services.analyzer.tree import FolderTree

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
)


def files_of(folder: Path, content: str | bytes) -> SourceFiles:
    return SourceFiles(FolderTree(write(folder, {"a.xml": content})))


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        "<x><y></x>",
        "<x>&undeclared;</x>",
        "no markup",
        "<x>" * 200_000,
    ],
)
def test_broken_or_hostile_xml_is_a_warning_and_reads_as_empty(
    tmp_path: Path, content: str
) -> None:
    files = files_of(tmp_path, content)
    assert (len(files.xml("a.xml")), files.xml("a.xml").text) == (0, None)
    assert len(files.warnings) == 1
    assert files.warnings[0].startswith("a.xml cannot be parsed")


@pytest.mark.parametrize(
    "content",
    [
        '<?xml version="1.0" encoding="ISO-8859-1"?><a xmlns="urn:x"><b>é</b></a>',
        '<?xml version="1.0" encoding="UTF-16"?><a xmlns:n="urn:x"><n:b>é</n:b></a>'.encode(
            "utf-16"
        ),
    ],
)
def test_xml_is_read_without_namespaces_whatever_its_encoding(
    tmp_path: Path, content: str | bytes
) -> None:
    assert files_of(tmp_path, content).xml("a.xml").findtext("b") == "é"


def test_xml_nested_deeply_is_read_in_time(tmp_path: Path) -> None:
    started = time.perf_counter()
    root = files_of(tmp_path, "<x>" * 100_000 + "</x>" * 100_000).xml("a.xml")
    assert root.tag == "x"
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        ("build.gradle", "a 'http://x' // b\n/* c\n */ d", "a 'http://x' \n d"),
        ("mix.exs", 'a "#{b}" # c', 'a "#{b}" '),
        ("project.clj", "a ; b\nc", "a \nc"),
        ("x.cabal", "a -- b\nc", "a \nc"),
        ("Cargo.lock", "a # b", "a # b"),
        ("a.swift", 'x "y\n// z', 'x "y\n'),
        ("a.go", "x /* never ends", "x "),
    ],
)
def test_comments_are_left_out_and_strings_kept(path: str, text: str, code: str) -> None:
    assert without_comments(text, path) == code


@pytest.mark.parametrize("text", ["/*" * 200_000, '"' * 400_000, "'\\" * 200_000, "/" * 400_000])
def test_comments_of_hostile_code_are_found_in_linear_time(text: str) -> None:
    started = time.perf_counter()
    without_comments(text, "build.gradle")
    assert time.perf_counter() - started < 5
