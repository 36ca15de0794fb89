"""The demo as a newcomer runs it."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from demo.tests.fake_api import FakeApi
from demo.values import STATIONS, cells_of, show
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
        command = re.search("amqtt_pub (.*10000.*)", shown)
        assert command is not None, shown
        subprocess.run(
            [
                Path(sys.executable).with_name("amqtt_pub"),
                *shlex.split(command.group(1)),
            ],
            check=True,
        )
        _read_until(demo, "limit offered 10.00 A")
        # Twice, as people do.
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate()

    assert rest.endswith("\nThe demo has ended; nothing of it is left.\n")
    assert demo.returncode == 0


def test_values_and_a_command_are_shown_until_the_time_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = FakeApi({f"{name}__report 3__P": 1_000_000 for name in STATIONS})

    assert show(cast("BemcomApi", api), "amqtt_pub", lambda _wait_s: True)
    shown = capsys.readouterr().out
    assert "garage: online …, " in shown
    assert "amqtt_pub -t garage__curr/value " in shown


def test_values_that_never_come_are_told_by_the_exit_code() -> None:
    assert not show(cast("BemcomApi", FakeApi({})), "", lambda _wait_s: True)


def _read_until(demo: subprocess.Popen[str], text: str) -> str:
    """Return what the demo writes, up to the line that contains a text."""
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"it ended without {text!r}: {lines}")


@pytest.mark.parametrize(
    ("key", "value", "title", "shown"),
    [
        ("connection__online", True, "online", "yes"),
        ("report 2__State", 3, "state", "charging"),
        ("report 3__P", 11_000_000, "power", "11.00 kW"),
        ("report 3__E pres", 123_400, "this session", "12.34 kWh"),
        ("report 2__Curr user", 63_000, "limit wanted", "63.00 A"),
        ("report 3__P", None, "power", "…"),
    ],
)
def test_values_are_shown_with_their_units(
    key: str, value: object, title: str, shown: str
) -> None:
    api = FakeApi({f"garage__{key}": value})

    assert cells_of(cast("BemcomApi", api), "garage")[title] == shown
