"""The demo as a newcomer runs it."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from demo.values import (
    STATIONS,
    cells_of,
    how_to_send,
    line_of,
    screen_of,
    show,
)
from testbed import short_pauses

SOURCE = Path(__file__).resolve().parents[2]
KEBA = SOURCE / "connector" / "cli.py"
CALL = ["docker compose exec connector keba"]
COMPOSE_PREFIX = "values-1  | "


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
            "DEMO_POLL_SECONDS": "1",
            "DEMO_LINES_SECONDS": "0.2",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        shown = _read_until(demo, "garage: charging")
        broker = re.search("export (.*)", shown)
        command = re.search("  .venv/bin/keba (.*10000.*)", shown)
        assert broker is not None, shown
        assert command is not None, shown
        subprocess.run(
            [sys.executable, KEBA, *shlex.split(command.group(1))],
            cwd=SOURCE.parent,
            env={
                **os.environ,
                **dict(one.split("=") for one in broker.group(1).split()),
            },
            check=True,
        )
        _read_until(demo, " 10.0 A (wanted 10.0 A)")
        # Twice, as people do.
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate()

    assert rest.endswith("\nThe demo has ended; nothing of it is left.\n")
    assert demo.returncode == 0


def test_values_and_a_command_are_shown_until_the_time_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    api = an_api({f"{name}__report 3__P": 1_000_000 for name in STATIONS})

    assert show(api, CALL, lambda _wait_s: True)
    shown = capsys.readouterr().out
    assert "garage: –, 1.00 kW, " in shown
    assert f"  {CALL[0]} send garage curr 10000 --yes\n" in shown


def test_values_that_never_come_are_told_by_the_exit_code() -> None:
    assert not show(an_api({}), CALL, lambda _wait_s: True)


def an_api(values: Mapping[str, Any], *log_rows: str) -> Any:
    """Know values as `BemcomApi` does."""
    return SimpleNamespace(value=values.get, log_rows=log_rows, received=0)


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
        ("report 3__E pres", 123_400, "session", "12.34 kWh"),
        ("report 2__Curr user", 63_000, "wanted", "63.0 A"),
        ("report 3__P", None, "power", "–"),
    ],
)
def test_values_are_shown_with_their_units(
    key: str, value: object, title: str, shown: str
) -> None:
    api = an_api({f"garage__{key}": value})

    assert cells_of(api, "garage")[title] == shown


def wide_values(age_s: float) -> dict[str, Any]:
    """Return values as wide as they come."""
    return {
        f"{station}__{key}": value
        for station in STATIONS
        for key, value in {
            "connection__online": True,
            "connection__last_seen": (time.time() - age_s) * 1000,
            "report 2__State": 5,
            "report 2__Curr user": 63_000,
            "report 2__Max curr": 32_000,
            "report 3__P": 22_080_000,
            "report 3__E pres": 992_500,
        }.items()
    }


def test_a_line_is_whole_at_80_columns_beside_composes_prefix() -> None:
    line = line_of(an_api(wide_values(12)), "garage")
    assert line == (
        "garage: interrupted, 22.08 kW, 99.25 kWh, 32.0 A (wanted 63.0 A)"
    )
    call = how_to_send(an_api(wide_values(12)), CALL)[1]
    assert max(map(len, (line, call))) + len(COMPOSE_PREFIX) <= 80


def test_of_a_station_that_is_offline_a_line_tells_only_that() -> None:
    values = wide_values(75) | {"garage__connection__online": False}
    line = line_of(an_api(values), "garage")
    assert line == "garage: offline, seen 75 s ago"


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_the_screen_is_whole(width: int, height: int) -> None:
    api = an_api(wide_values(120), *["a log row, which is long " * 5] * 40)
    keba = ["export MQTT_BROKER_HOST=127.0.0.1 MQTT_BROKER_PORT=18830", "keba"]
    console = Console(width=width, height=height, record=True, file=StringIO())
    console.print(screen_of(api, keba, width, height))
    lines = console.export_text().splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert re.split("  +", lines[2].rstrip()) == [
        *("garage", "yes", "interrupted", "22.08 kW", "99.25 kWh"),
        *("63.0 A", "32.0 A", "120 s ago"),
    ]
    assert f"  {keba[0]}" in lines
    assert "  keba send garage curr 10000 --yes" in lines
