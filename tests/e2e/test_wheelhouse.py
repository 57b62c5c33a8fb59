import subprocess
import sys
from pathlib import Path

from tests.e2e.wheelhouse import build_wheelhouse


def test_repacked_wheels_install_without_a_registry_and_run(tmp_path: Path) -> None:
    wheels, target = tmp_path / "wheels", tmp_path / "environment"
    build_wheelhouse(wheels, ["pydantic"])
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    install = [target / "bin" / "pip", "install", "--quiet", "--no-index", "--find-links", wheels]
    subprocess.run([*install, "pydantic"], check=True, env={"PIP_CONFIG_FILE": "/dev/null"})
    program = "import pydantic; print(pydantic.TypeAdapter(int).validate_python('7'))"
    done = subprocess.run(
        [target / "bin" / "python", "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "7\n"
