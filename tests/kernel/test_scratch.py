"""A process that is killed leaves its scratch folders to its successor."""

import subprocess
import sys
from pathlib import Path

from autodeploy.kernel.scratch import make_scratch, remove_abandoned

_MAKER = """
import os, signal, sys
from pathlib import Path
from autodeploy.kernel.scratch import make_scratch
folder = make_scratch(Path(sys.argv[1]))
(folder / "half").write_text("a file")
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folder_of_a_killed_process_is_removed_and_those_of_others_stay(home: Path) -> None:
    mine = make_scratch(home)
    elsewhere = home / ".scratch-another-machine-1-2-abcdef"
    elsewhere.mkdir()
    said = subprocess.run(
        [sys.executable, "-c", _MAKER, str(home)], capture_output=True, text=True, check=False
    )
    abandoned = Path(said.stdout.strip())
    assert (abandoned / "half").exists()

    remove_abandoned(home)
    remove_abandoned(home)

    assert sorted(home.iterdir()) == sorted([mine, elsewhere])


def test_scratch_is_private_and_a_parent_that_is_not_there_holds_none(home: Path) -> None:
    assert make_scratch(home).stat().st_mode & 0o777 == 0o700
    remove_abandoned(home / "nowhere")
