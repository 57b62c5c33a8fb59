"""Which pushes count, by the words of a message and by paths."""

import time

import pytest

from autodeploy.services.deployer.pushes.filters import concern, find_skip


@pytest.mark.parametrize(
    ("pattern", "path", "meant"),
    [
        ("apps/web", "apps/web", True),
        ("apps/web", "apps/web/src/a.js", True),
        ("apps/web", "apps/website/a.js", False),
        ("apps/web/", "apps/web/a.js", True),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "docs/a/README.md", True),
        ("**/*.md", "README.md", True),
        ("src/**", "src/a/b/c.py", True),
        ("src/**/test", "src/a/b/test/c.py", True),
        ("src/**/test", "src/a/tests/c.py", False),
        ("src/*/c.py", "src/a/b/c.py", False),
        ("a?c", "abc", True),
        ("a[", "a[", True),
        ("**", "anything/at/all", True),
    ],
)
def test_a_pattern_means_a_file_or_a_folder_with_all_below_it(pattern, path, meant):
    assert concern([pattern], [path]) is meant


def test_the_last_pattern_that_matches_decides():
    patterns = ["packages", "!packages/**/*.md", "packages/ui/CHANGES.md"]
    assert concern(patterns, ["packages/a/b.ts"])
    assert not concern(patterns, ["packages/a/README.md", "docs/a"])
    assert concern(patterns, ["packages/ui/CHANGES.md"])
    assert not concern(patterns, [])


def test_no_pattern_takes_long():
    began = time.monotonic()
    assert not concern(["**/a/" * 40 + "x" + "*a" * 60], ["a/" * 500 + "b" + "a" * 250])
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("message", "skip"),
    [
        ("Correct a word [skip ci]", "[skip ci]"),
        ("One\n\ntwo [Deploy Skip]", "[deploy skip]"),
        ("skip ci", None),
        ("", None),
    ],
)
def test_a_message_says_in_brackets_not_to_deploy(message, skip):
    assert find_skip(message) == skip
