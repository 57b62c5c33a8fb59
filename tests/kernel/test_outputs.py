"""Of a command's output, the lines that tell why it failed."""

import time

from autodeploy.kernel.outputs import (
    MOST_LINES,
    Explanation,
    explain,
    lines_that_matter,
    plain_lines,
)

NODE_CRASH = """Server starting
/app/server.js:3
throw new Error("no database")
^

Error: no database
    at Object.<anonymous> (/app/server.js:3:7)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)
    at node:internal/main/run_main_module:28:49

Node.js v20.20.2""".splitlines()

TRACEBACK = """INFO: started
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/uvicorn/run.py", line 8, in main
    run()
    ^^^^^
  File "/app/main.py", line 4, in <module>
    settings = load()
  File "/usr/lib/python3.11/os.py", line 679, in __getitem__
    raise KeyError(key) from None
KeyError: 'API_KEY'""".splitlines()


def test_the_frames_of_node_itself_are_left_out() -> None:
    said = lines_that_matter(NODE_CRASH)

    assert "Error: no database" in said
    assert "    at Object.<anonymous> (/app/server.js:3:7)" in said
    assert not any("node:internal" in line for line in said)


def test_a_traceback_keeps_the_apps_frames_and_the_innermost() -> None:
    said = lines_that_matter([*(f"GET /{n}" for n in range(50)), *TRACEBACK])

    assert said[0] == "Traceback (most recent call last):"
    assert not any("uvicorn" in line for line in said)
    assert '  File "/app/main.py", line 4, in <module>' in said
    assert said[-1] == "KeyError: 'API_KEY'"


def test_the_message_of_a_long_traceback_is_shown_whatever_follows() -> None:
    frames = ['  File "/app/m.py", line 3, in f', "    f()"] * 40
    message = "RecursionError: maximum recursion depth exceeded"

    said = lines_that_matter([TRACEBACK[1], *frames, message, *["worker exits"] * 30])

    assert said[0] == TRACEBACK[1]
    assert said[-1] == message
    assert len(said) == MOST_LINES


def test_what_a_build_did_before_it_failed_is_left_out() -> None:
    done = [f"compiled {n}" for n in range(5)]

    assert lines_that_matter([*done, "Error: no", "  at a.js:1"]) == [
        "compiled 4",
        "Error: no",
        "  at a.js:1",
    ]


def test_the_first_error_is_shown_and_not_the_epilogue() -> None:
    output = ["compiling", "src/a.ts(3,5): error TS2322: no"]
    output += [f"more {n}" for n in range(60)]

    said = lines_that_matter([*output, "Found 1 error.", "done in 3 s"])

    assert "src/a.ts(3,5): error TS2322: no" in said
    assert said[-1] == "done in 3 s"
    assert "…" in said
    assert len(said) <= MOST_LINES


def test_colours_and_drawn_over_progress_are_removed() -> None:
    assert plain_lines(["\x1b[31mred\x1b[0m", "10%\r20%\rdone", "\x1b]0;title\x07x"]) == [
        "red",
        "done",
        "x",
    ]


def test_a_long_line_is_cut_between_words() -> None:
    secret = "s3cr3t" * 10

    assert plain_lines([f"{'x ' * 240}{secret} y"]) == [f"{'x ' * 239}x …"]
    assert plain_lines([secret * 50]) == ["…"]


def test_hostile_output_takes_linear_time() -> None:
    lines = ["\x1b[" * 100_000, "Error: " + "a" * 1_000_000, "[" * 100_000] * 100

    started = time.process_time()
    lines_that_matter(lines)

    assert time.process_time() - started < 5


def test_an_explanation_names_what_it_found() -> None:
    known = Explanation(r"no module (?P<name>\w+)", "{name} is missing.", "Install {name}.")

    found = explain(["x", "no module {evil}", "no module flask"], [known])

    assert found is not None
    assert (found.cause, found.remedy) == ("flask is missing.", "Install flask.")


def test_app_that_fails_the_same_way_again_is_told_once() -> None:
    attempt = [
        "> node server.js",
        "Error: Cannot find module './orders.js'",
        "  code: 'MODULE_NOT_FOUND',",
        "The app ended with exit code 1.",
    ]
    assert lines_that_matter(attempt * 3) == attempt
    other = [*attempt, *attempt, "Error: another one"]
    assert lines_that_matter(other) == [*attempt, "Error: another one"]
