"""Plain files and shell scripts."""

from pathlib import Path

import pytest
from tests.services.analyzer.trees import plan_of, start_of

from autodeploy.services.analyzer.plan import AppKind


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        ({"index.html": ""}, "."),
        ({"index.html": "", "deploy.sh": ""}, "."),
        ({"public/index.html": "", "nginx.conf": ""}, "public"),
        ({"htdocs/index.html": "", "httpd.conf": ""}, "htdocs"),
        ({"Staticfile": "root: hello\n", "hello/index.html": ""}, "hello"),
        ({"Staticfile": "root: ../../etc\n", "index.html": ""}, "."),
        ({"Staticfile": "root: missing\n", "public/index.html": ""}, "public"),
    ],
)
def test_folder_of_the_first_page_is_served(
    tmp_path: Path, files: dict[str, str], folder: str
) -> None:
    plan = plan_of(tmp_path, files)
    assert (plan.language, plan.kind, plan.output_directory) == ("static", AppKind.STATIC, folder)
    assert not plan.abstained


@pytest.mark.parametrize(
    ("staticfile", "answers_all"),
    [("index_fallback: true\n", True), ("pushstate: enabled\n", True), ("root: .\n", False)],
)
def test_staticfile_says_whether_one_page_answers_every_path(
    tmp_path: Path, staticfile: str, answers_all: bool
) -> None:
    plan = plan_of(tmp_path, {"Staticfile": staticfile, "index.html": ""})
    assert plan.spa_fallback is answers_all


@pytest.mark.parametrize(
    ("first_line", "start"),
    [
        ("#!/bin/bash", "bash start.sh"),
        ("#!/usr/bin/env zsh", "zsh start.sh"),
        ("#! /bin/sh -e", "sh start.sh"),
        ("echo hello", "bash start.sh"),
        ("#!/evil; rm -rf", "bash start.sh"),
    ],
)
def test_start_script_is_run_by_the_shell_that_it_names(
    tmp_path: Path, first_line: str, start: str
) -> None:
    plan = plan_of(tmp_path, {"start.sh": f"{first_line}\n"})
    assert (plan.language, start_of(plan)) == ("shell", start)


def test_scripts_of_other_names_start_nothing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"install.sh": "", "uninstall.sh": ""})
    assert (plan.language, plan.kind) == ("shell", AppKind.LIBRARY)


def test_script_beside_a_manifest_does_not_make_it_shell(tmp_path: Path) -> None:
    files = {"start.sh": "", "package.json": '{"scripts": {"start": "node x.js"}}', "x.js": ""}
    assert plan_of(tmp_path, files).language == "node"
