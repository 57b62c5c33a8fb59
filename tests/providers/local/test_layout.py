import stat
from pathlib import Path

from autodeploy.providers.local.layout import ensure_app_folder


def test_link_in_place_of_an_apps_folder_is_replaced_and_what_it_names_stays(
    tmp_path: Path,
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o750)
    (secrets / "key").write_text("ours")
    before = secrets.stat()
    folder = tmp_path / "tools"
    folder.symlink_to(secrets)
    ensure_app_folder(folder, 90_000)
    after = secrets.stat()
    assert (before.st_uid, before.st_gid, before.st_mode) == (
        after.st_uid,
        after.st_gid,
        after.st_mode,
    )
    assert not folder.is_symlink()
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
