"""What the README promises: its two commands, word by word, and its tables."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from clay_assets.settings import ENVIRONMENT

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def _command(ending: str) -> str:
    """The README's one-line command that sets up a venv and ends in `ending`."""
    found = re.findall(rf"^python3 -m venv \.venv && .*{ending}$", README, re.MULTILINE)
    assert len(found) == 1, f"the README must hold one line that ends in {ending}, got {found}"
    return found[0]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, as a newcomer has it."""
    if not (CHECKOUT / ".git").exists():
        pytest.skip("needs a git checkout to clone")
    folder = tmp_path_factory.mktemp("newcomer") / "clay_assets"
    subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(folder)], check=True)
    return folder


def _run(command: str, clone: Path, **environ: str) -> str:
    """Run a shell command in the clone with a home of its own and none of our variables."""
    inherited = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=clone,
        env=inherited | {"HOME": str(clone.parent)} | environ,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _is_ours(name: str) -> bool:
    return name.startswith(("CLAY_", "DAGSTER_", "PYTEST_", "COV_", "AWS_"))


@pytest.mark.slow
def test_the_first_command_ends_in_an_answered_search(clone: Path):
    output = _run(_command("clay-assets demo"), clone)
    assert "synthetic" in output
    assert "Chips most like" in output
    assert re.search(r"5 chips by duckdb, exact", output)


@pytest.mark.extra  # CI is this command
def test_the_second_command_runs_the_tests(clone: Path):
    # All of its words, on a small choice of tests: this test is one of them.
    output = _run(_command("pytest"), clone, PYTEST_ADDOPTS="-k test_mgrs -p no:cacheprovider")
    assert re.search(r"\d+ passed", output)


def test_every_environment_variable_is_in_the_table():
    for name, meaning in ENVIRONMENT.items():
        assert f"| `{name}` | {meaning} |" in README


def test_every_room_is_in_the_layout():
    rooms = {
        path.name.removesuffix(".py")
        for path in (CHECKOUT / "clay_assets").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    for room in sorted(rooms - {"__init__"}):
        assert re.search(rf"\b{room}\b", README), f"the README's layout does not mention {room}"
