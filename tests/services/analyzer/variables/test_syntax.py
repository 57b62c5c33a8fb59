"""Syntax trees: every grammar loads, broken code still parses, hostile code ends soon."""

import time
from typing import get_args

import pytest

from autodeploy.services.analyzer.variables import syntax

HOSTILE = ["(", "[", "{", "a<", "a<\n", "(a\n", "((A)\n", "$(", "a!{", "a\\ ", "<<A ", "`${", '"',
           "a+\n", "x=>{\n", "a?b:\n", "<?php ", "fn ", "/*", "'\n", "#{"]  # fmt: skip


@pytest.mark.parametrize("grammar", get_args(syntax.Grammar))
def test_every_grammar_is_installed_and_survives_hostile_code(grammar: syntax.Grammar) -> None:
    assert syntax.parse("x", grammar) is not None
    started = time.monotonic()
    for part in HOSTILE:
        syntax.parse(part * (4_000 // len(part)), grammar)
    assert time.monotonic() - started < len(HOSTILE) * 2 * syntax.MOST_SECONDS


def test_broken_code_gives_the_tree_of_the_rest() -> None:
    root = syntax.parse('func ( { = \nvar a = os.Getenv("A")\n', "go")

    assert root is not None
    query = "(call_expression (argument_list . (interpreted_string_literal) @key))"
    (found,) = [captures["key"][0] for _, captures in syntax.matches(root, "go", query)]
    assert (syntax.text_of(found), syntax.line_of(found)) == ('"A"', 2)


def test_a_line_of_a_mebibyte_is_left_out_and_line_numbers_stay() -> None:
    root = syntax.parse(f'"{"a" * 400_000}"\nENV["A"]\n', "ruby")

    assert root is not None
    (found,) = [c["it"][0] for _, c in syntax.matches(root, "ruby", "(element_reference) @it")]
    assert syntax.line_of(found) == 2


def test_a_text_over_the_limit_is_not_parsed() -> None:
    assert syntax.parse("x\n" * syntax.MOST_CHARACTERS, "ruby") is None
