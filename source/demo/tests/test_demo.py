"""The demo as a newcomer runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.table import cells_of
from demo.tests.fake_api import FakeApi

SOURCE = Path(__file__).resolve().parents[2]


@pytest.mark.io
def test_the_demo_shows_values_and_a_command_changes_a_station() -> None:
    environment = os.environ | {"DEMO_SECONDS": "16"}
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=SOURCE,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "garage: online yes" in line:
                break
        port = re.search(r"--port (\d+)", "".join(lines))
        assert port is not None, lines
        sent = subprocess.run(
            [
                sys.executable,
                str(SOURCE / "demo" / "send.py"),
                "--port",
                port.group(1),
                "garage__curr",
                "10000",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        rest = demo.stdout.read()

    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "limit wanted 10.0 A" in rest
    assert demo.returncode == 0


@pytest.mark.io
def test_writing_to_a_broker_that_is_not_there_is_told_in_one_line() -> None:
    sent = subprocess.run(
        [
            sys.executable,
            str(SOURCE / "demo" / "send.py"),
            "--port",
            "1",
            "garage__curr",
            "10000",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert sent.returncode == 1
    assert sent.stdout.startswith("No broker at 127.0.0.1:1")
    assert sent.stderr == ""


@pytest.mark.parametrize(
    ("key", "value", "title", "shown"),
    [
        ("connection__online", True, "online", "yes"),
        ("report 2__State", 3, "state", "charging"),
        ("report 3__P", 11_000_000, "power", "11.00 kW"),
        ("report 3__E pres", 123_400, "this session", "12.34 kWh"),
        ("report 2__Curr user", 63_000, "limit wanted", "63.0 A"),
        ("report 3__P", None, "power", "…"),
    ],
)
def test_values_are_shown_with_their_units(
    key: str, value: object, title: str, shown: str
) -> None:
    api = FakeApi({f"garage__{key}": value})

    assert dict(cells_of(api, "garage"))[title] == shown
