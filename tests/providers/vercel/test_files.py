"""Which files of a folder are sent, and that each is what its digest says."""

import asyncio
import os

import pytest
from tests.fakes.vercel_state import sha1
from tests.providers.vercel.conftest import write

from autodeploy.kernel.errors import DeploymentFailed
from autodeploy.providers.vercel import files
from autodeploy.providers.vercel.files import read_files
from autodeploy.providers.vercel.ignores import Ignores


def _ignored(root, rules: str, path: str, name: str = ".gitignore") -> bool:
    (root / name).write_text(rules)
    return Ignores.read(root).ignores(path.rstrip("/"), folder=path.endswith("/"))


@pytest.mark.parametrize(
    ("rule", "path", "ignored"),
    [
        ("*.log", "a.log", True), ("*.log", "x/y/a.log", True), ("*.log", "a.log.txt", False),
        ("/a.txt", "a.txt", True), ("/a.txt", "x/a.txt", False),
        ("build/", "build/", True), ("build/", "x/build/", True), ("build/", "build", False),
        ("x/*.js", "x/a.js", True), ("x/*.js", "x/y/a.js", False), ("x/*.js", "z/x/a.js", False),
        ("x/**/a", "x/a", True), ("x/**/a", "x/1/2/a", True), ("**/a", "1/a", True),
        ("x/**", "x/1/2", True), ("x/**", "x", False), ("a?c", "abc", True), ("a?c", "a/c", False),
        ("[ab].c", "a.c", True), ("[!ab].c", "a.c", False), ("[!ab].c", "z.c", True),
        ("*.log\n!keep.log", "keep.log", False), ("!keep.log\n*.log", "keep.log", True),
        ("\\#x", "#x", True), ("\\!x", "!x", True), ("# x", "# x", False), ("a\\*", "a*", True),
        ("a.b", "aXb", False), ("[", "[", True), ("", "x", False), ("/", "x", False),
        ("", "node_modules/", True), ("", "x/.git/", True), ("", ".env.local", True),
        ("", ".env.production.local", True), ("", ".env", False), ("", ".env.example", False),
    ],
)  # fmt: skip
def test_a_rule_ignores_what_git_would(tmp_path, rule, path, ignored):
    assert _ignored(tmp_path, rule, path) is ignored


def test_vercels_file_of_rules_replaces_gits(tmp_path):
    (tmp_path / ".gitignore").write_text("*.css\n")
    assert _ignored(tmp_path, "*.js\n", "a.js", ".vercelignore")
    assert not Ignores.read(tmp_path).ignores("a.css", folder=False)


async def test_files_are_read_with_their_digests_and_links_left_out(tmp_path):
    write(tmp_path, {"a.txt": b"a", "x/ü b": b"\xff\x00", "node_modules/y/index.js": b"",
                     ".git/config": b"", "out/z": b"", ".gitignore": b"/out/\n"})  # fmt: skip
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    found = await read_files(tmp_path)
    assert [(each.path, each.sha, each.size) for each in found] == [
        (".gitignore", sha1(b"/out/\n"), 6), ("a.txt", sha1(b"a"), 1),
        ("x/ü b", sha1(b"\xff\x00"), 2),
    ]  # fmt: skip


@pytest.mark.parametrize(("bound", "value"), [("MOST_BYTES", 5), ("MOST_FILES", 2)])
async def test_an_app_that_is_too_large_is_refused(tmp_path, monkeypatch, bound, value):
    write(tmp_path, {"a": b"12", "b": b"34"})
    monkeypatch.setattr(files, bound, value)
    assert len(await read_files(tmp_path)) == 2
    write(tmp_path, {"c": b"56"})
    with pytest.raises(DeploymentFailed, match="more than") as raised:
        await read_files(tmp_path)
    assert ".vercelignore" in (raised.value.remedy or "")


async def test_many_files_are_sent_a_few_at_a_time(story, vercel, monkeypatch):
    write(story.folder, {f"many/{number}.txt": b"%d" % number for number in range(40)})
    sending = most = 0
    send = files.Uploads._send

    async def counted(self, file):
        nonlocal sending, most
        sending += 1
        most = max(most, sending)
        await asyncio.sleep(0)
        await send(self, file)
        sending -= 1

    monkeypatch.setattr(files.Uploads, "_send", counted)
    await story.build()
    assert 1 < most <= 8
    assert len(vercel.files) == 43


async def test_a_large_file_goes_as_it_is(story, vercel):
    content = bytes(range(256)) * 8192  # 2 MB: in several pieces
    write(story.folder, {"big": content})
    await story.build()
    assert content in vercel.files.values()
