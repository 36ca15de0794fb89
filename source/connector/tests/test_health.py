"""The promises of connector/health.py."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from connector import health
from connector.health import STALE_AFTER_S, HealthFile, path_from, problem_of


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "beat"


def check_as_docker_does(
    environ: Mapping[str, str],
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IS", health.__file__],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_a_connector_is_well_while_it_beats(file: Path, clock: Clock) -> None:
    HealthFile(file, lambda: True, clock).write()
    assert problem_of(file, clock.now + STALE_AFTER_S - 1) is None
    assert "15 s ago" in str(problem_of(file, clock.now + STALE_AFTER_S))


def test_a_connector_that_is_not_well_does_not_beat_until_it_recovers(
    file: Path, clock: Clock
) -> None:
    is_well = [False]
    health_file = HealthFile(file, lambda: is_well[0], clock)
    health_file.write()
    assert "not working yet" in str(problem_of(file, clock.now))

    is_well[0] = True
    clock.now += 1
    health_file.write()
    assert problem_of(file, clock.now) is None


def test_the_file_is_written_once_a_second_however_busy_the_flow(
    file: Path, clock: Clock
) -> None:
    health_file = HealthFile(file, lambda: True, clock)
    health_file.write()
    file.unlink()
    clock.now += 0.9
    health_file.write()
    assert not file.exists()
    clock.now += 0.1
    health_file.write()
    assert file.exists()


def test_a_beat_from_before_a_restart_of_the_host_does_not_count(
    file: Path, clock: Clock
) -> None:
    HealthFile(file, lambda: True, clock).write()
    assert problem_of(file, now=3.0) is not None


def test_a_folder_that_cannot_be_written_harms_the_health_only(
    tmp_path: Path, clock: Clock
) -> None:
    path = tmp_path / "missing" / "beat"
    HealthFile(path, lambda: True, clock).write()
    assert problem_of(path, clock.now) is not None


def test_a_file_with_nonsense_is_no_beat(file: Path) -> None:
    file.write_bytes(b"\xff nonsense")
    assert problem_of(file, now=0.0) is not None


@pytest.mark.parametrize("environ", [{}, {"HEALTH_FILE": ""}])
def test_outside_of_the_image_nothing_is_written(
    environ: Mapping[str, str], clock: Clock
) -> None:
    path = path_from(environ)
    HealthFile(path, lambda: True, clock).write()
    assert path is None
    assert "HEALTH_FILE" in str(problem_of(path, clock.now))


@pytest.mark.io
def test_docker_sees_exit_code_0_while_the_connector_works(file: Path) -> None:
    HealthFile(file, lambda: True).write()
    seen = check_as_docker_does({"HEALTH_FILE": str(file)})
    assert (seen.returncode, seen.stdout) == (0, "working\n")


@pytest.mark.io
def test_docker_sees_exit_code_1_and_the_reason_otherwise(file: Path) -> None:
    file.write_text(str(time.monotonic() - 100))
    seen = check_as_docker_does({"HEALTH_FILE": str(file)})
    assert seen.returncode == 1
    assert "the log tells why" in seen.stdout
