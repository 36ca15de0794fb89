"""What newcomers call first, `make` and `build_docker_image.sh`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connector.main import __version__

pytestmark = pytest.mark.io

ROOT = Path(__file__).resolve().parents[2]
BASICS = ("bash", "dirname", "sed")


class Machine:
    """A PATH with some programs, of which some only say how they are called.

    Parameters
    ----------
    folder
        Where the programs are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in BASICS:
            path = shutil.which(name)
            assert path is not None
            (folder / name).symlink_to(path)

    def has(self, name: str, exit_code: int = 0) -> None:
        """Give it a program that tells its call and ends with a code."""
        program = self._folder / name
        program.write_text(
            f'#!/bin/sh\necho "called: {name} $*"\nexit {exit_code}\n', "utf-8"
        )
        program.chmod(0o755)

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call build_docker_image.sh."""
        return subprocess.run(
            [ROOT / "build_docker_image.sh", *arguments],
            env={"PATH": str(self._folder)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Provide a machine without Docker and make."""
    return Machine(tmp_path)


def calls(build: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the calls of programs, in order."""
    return [
        line.removeprefix("called: ")
        for line in build.stdout.splitlines()
        if line.startswith("called: ")
    ]


def test_all_tests_run_before_the_image_is_built(machine: Machine) -> None:
    machine.has("make")
    machine.has("docker")

    build = machine.build()

    tests, image = calls(build)
    assert tests == "make test"
    assert image.startswith("docker buildx build . --target runtime")
    assert "about two minutes" in build.stdout
    assert build.returncode == 0


def test_a_failing_test_builds_no_image(machine: Machine) -> None:
    machine.has("make", exit_code=2)
    machine.has("docker")

    build = machine.build()

    assert calls(build) == ["make test"]
    assert build.returncode == 2


def test_ci_has_run_the_tests_and_several_platforms_are_pushed(
    machine: Machine,
) -> None:
    machine.has("docker")

    build = machine.build("--skip-tests", "--push", "--platform", "linux/arm64")

    (image,) = calls(build)
    assert image.endswith(" --push --platform linux/arm64")


def test_what_is_missing_for_the_image_is_told(machine: Machine) -> None:
    assert machine.build().stderr == "Docker, with buildx, is needed\n"

    machine.has("docker")

    build = machine.build()
    assert build.stderr.startswith("make, which runs the tests, is needed")
    assert (calls(build), build.returncode) == ([], 1)


@pytest.mark.parametrize(
    "program",
    [
        "connector.main",
        "connector.cli",
        # It reads its template at once.
        "connector.tools.page_html",
        "simulator.__main__",
        "demo.values",
    ],
)
def test_what_is_shipped_runs_without_the_rest(
    tmp_path: Path, program: str
) -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for shipped in (line[1:] for line in ignored if line.startswith("!")):
        if (ROOT / shipped).is_dir():
            shutil.copytree(
                ROOT / shipped,
                tmp_path / shipped,
                ignore=shutil.ignore_patterns("tests", "__pycache__"),
            )
        else:
            (tmp_path / shipped).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / shipped, tmp_path / shipped)

    run = subprocess.run(
        [sys.executable, "-c", f"import {program}"],
        cwd=tmp_path / "source",
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stderr == ""
    assert run.returncode == 0


def test_only_the_page_imports_what_draws_it() -> None:
    program = (
        "import sys, connector.main, connector.cli;"
        "print({'jinja2', 'pygal'} & sys.modules.keys())"
    )

    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "source",
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "set()\n"


@pytest.mark.parametrize("target", ["setup", "demo", "test"])
def test_make_says_at_once_that_it_needs_a_newer_python(
    machine: Machine, tmp_path: Path, target: str
) -> None:
    machine.has("old-python", exit_code=1)
    python = tmp_path / "old-python"

    make = subprocess.run(
        ["make", "-C", ROOT, target, f"PYTHON={python}"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert make.stderr.splitlines()[0] == (
        f"Python 3.11 or newer is needed, and {python} is not. "
        f"Name one that is: make {target} PYTHON=python3.12"
    )
    assert make.returncode == 2


def test_make_setup_gives_the_tools_their_command(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    stamp = venv / ".installed"
    stamp.touch()

    subprocess.run(
        ["make", "-C", ROOT, f"--assume-old={stamp}", "setup", f"VENV={venv}"],
        capture_output=True,
        check=True,
    )

    version = subprocess.run(
        [venv / "bin" / "keba", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert version.stdout == f"keba {__version__}\n"
