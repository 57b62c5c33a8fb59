"""The benchmark program writes a complete prediction for each case of a manifest."""

import json
from pathlib import Path

from bench.analyzer import main
from tests.services.analyzer.trees import write

FIELDS = {"id", "language", "framework", "package_manager", "install", "build", "start",
          "runtime_version", "env", "ms", "confidence"}  # fmt: skip


def test_each_case_gets_a_line_with_every_field(tmp_path: Path) -> None:
    cases = [
        {"id": "a", "kind": "label", "dir": "cases/a", "path": "."},
        {"id": "b", "kind": "env", "dir": "cases/b", "path": "web"},
        {"id": "c", "kind": "label", "dir": "cases/absent", "path": "."},
    ]
    write(tmp_path, {
        "manifest.jsonl": "\n".join(json.dumps(case) for case in cases),
        "cases/a/index.html": "",
        "cases/b/web/package.json": '{"dependencies": {"express": "5"}, "main": "server.js"}',
        "cases/b/web/server.js": "process.env.API_KEY",
    })  # fmt: skip
    assert main([str(tmp_path / "manifest.jsonl"), str(tmp_path / "out.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c"]
    assert all(set(line) == FIELDS for line in lines)
    assert lines[1]["framework"] == "express"
    assert lines[1]["env"] == ["API_KEY"]
    assert lines[2]["language"] is None
