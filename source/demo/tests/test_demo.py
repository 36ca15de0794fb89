"""The demo as a newcomer runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast
from unittest.mock import Mock

import pytest

from demo.__main__ import STATIONS, _show
from demo.table import cells_of
from demo.tests.fake_api import FakeApi
from testbed import short_pauses

if TYPE_CHECKING:
    from testbed.bemcom_api import BemcomApi

SOURCE = Path(__file__).resolve().parents[2]


@pytest.mark.io
def test_the_demo_shows_values_obeys_a_command_and_ends_at_ctrl_c(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=SOURCE,
        env={
            **os.environ,
            **short_pauses.settings_for(tmp_path),
            "DEMO_POLL_SECONDS": "2",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        shown = _read_until(demo, "garage: online yes")
        port = re.search(r"--port (\d+)", shown)
        assert port is not None, shown
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
        assert sent.returncode == 0, sent.stdout + sent.stderr
        _read_until(demo, "limit offered 10.0 A")
        # Twice, as people do.
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate()

    assert rest.endswith("\nThe demo has ended; nothing of it is left.\n")
    assert demo.returncode == 0


def test_the_demo_ends_by_itself_after_the_seconds_it_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = FakeApi({f"{name}__report 3__P": 1_000_000 for name in STATIONS})
    connector = Mock(spec=subprocess.Popen)
    connector.poll.return_value = None

    assert _show(cast("BemcomApi", api), connector, 1883, seconds=0.01)
    assert "garage: " in capsys.readouterr().out


def _read_until(demo: subprocess.Popen[str], text: str) -> str:
    """Return what the demo writes, up to the line that contains a text."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"it ended without {text!r}: {lines}")


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
