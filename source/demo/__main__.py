"""Show the real connector at work: ``make demo``.

Starts a broker and two simulated stations in this process and the connector
in one of its own, configured by environment as in production; then plays
BEMCom's API and shows what arrives.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.live import Live

from demo.broker import HOST, running_broker
from demo.table import live_view, plain_lines
from simulator import Simulator
from testbed.bemcom_api import BemcomApi

STATIONS = {"garage": "127.0.0.2", "yard": "127.0.0.3"}
SCENARIOS = {"garage": "always-charging", "yard": "idle"}
CONNECTOR = "keba-p30-connector"
SOURCE = Path(__file__).resolve().parents[1]

LOG = "connector.log"

SPEED = 5.0
"""Time in the stations passes so much faster: energy should be seen to grow."""

REFRESH_S = 0.5
PLAIN_LINES_EVERY_S = 1.0
FIRST_VALUES_S = 15.0

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and a terminal that is closed."""


def main() -> int:
    """Run the demo until Ctrl-C or for DEMO_SECONDS; return an exit code."""
    for number in ENDS:
        signal.signal(number, _end_once)
    try:
        return _run(float(os.environ.get("DEMO_SECONDS") or "inf"))
    except KeyboardInterrupt:
        print("\nThe demo has ended; nothing of it is left.")
        return 0


def _end_once(*_: object) -> NoReturn:
    """Leave all `with` blocks; a second Ctrl-C must not cut that short."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(seconds: float) -> int:
    with contextlib.ExitStack() as stack:
        try:
            port = stack.enter_context(running_broker())
            stack.enter_context(
                Simulator(STATIONS, scenario=SCENARIOS, speed=SPEED)
            )
        except OSError as error:
            print(f"The demo cannot start: {error}", file=sys.stderr)
            return 1
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        connector = stack.enter_context(_connector(port, folder))
        api = stack.enter_context(BemcomApi(CONNECTOR, port, selects_all=True))
        if _show(api, connector, port, seconds):
            return 0
        print((folder / LOG).read_text(), file=sys.stderr)
        return 1


@contextlib.contextmanager
def _connector(
    broker_port: int, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the connector as a process of its own, and end it.

    It runs in an empty folder, so that no `.env` has a say in the demo.
    DEMO_POLL_SECONDS is for tests, which have less patience than people.
    """
    environment = os.environ | {
        "CONNECTOR_NAME": CONNECTOR,
        "MQTT_BROKER_HOST": HOST,
        "MQTT_BROKER_PORT": str(broker_port),
        "KEBA_P30_CHARGE_STATIONS": json.dumps(STATIONS),
        "KEBA_P30_BIND_ADDRESS": HOST,
        "POLL_SECONDS": os.environ.get("DEMO_POLL_SECONDS", "5"),
    }
    with (folder / LOG).open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(SOURCE / "connector" / "main.py")],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            # Ctrl-C is for the demo, which then ends the connector.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _show(
    api: BemcomApi,
    connector: subprocess.Popen[bytes],
    port: int,
    seconds: float,
) -> bool:
    """Show values until the time is over; tell whether all went well."""
    console = Console()
    footer = _how_to_send(port)
    ends_at = time.monotonic() + seconds
    has_values = _wait_for_values(api, connector, ends_at)
    if connector.poll() is not None:
        print("The connector has ended:", file=sys.stderr)
        return False
    if console.is_terminal:
        _show_live(api, connector, console, footer, ends_at)
    else:
        print(footer)
        _show_lines(api, connector, ends_at)
    return has_values and connector.poll() is None


def _wait_for_values(
    api: BemcomApi, connector: subprocess.Popen[bytes], ends_at: float
) -> bool:
    """Wait until each station has told its power."""
    until = min(ends_at, time.monotonic() + FIRST_VALUES_S)
    while time.monotonic() < until and connector.poll() is None:
        if api.wait_until(lambda: _all_have_values(api), REFRESH_S):
            return True
    return False


def _all_have_values(api: BemcomApi) -> bool:
    return all(
        api.value(f"{station}__report 3__P") is not None for station in STATIONS
    )


def _show_live(
    api: BemcomApi,
    connector: subprocess.Popen[bytes],
    console: Console,
    footer: str,
    ends_at: float,
) -> None:
    pause = threading.Event()
    with Live(console=console, auto_refresh=False) as live:
        while time.monotonic() < ends_at and connector.poll() is None:
            live.update(live_view(api, [*STATIONS], footer), refresh=True)
            pause.wait(min(REFRESH_S, max(0, ends_at - time.monotonic())))


def _show_lines(
    api: BemcomApi, connector: subprocess.Popen[bytes], ends_at: float
) -> None:
    pause = threading.Event()
    while connector.poll() is None:
        print(plain_lines(api, [*STATIONS]), flush=True)
        wait_s = min(PLAIN_LINES_EVERY_S, ends_at - time.monotonic())
        if wait_s <= 0:
            return
        pause.wait(wait_s)


def _how_to_send(port: int) -> str:
    return (
        "\nWrite an actuator from a second terminal, for instance:\n"
        f"  .venv/bin/python source/demo/send.py --port {port} "
        "garage__curr 10000\n"
        f"  .venv/bin/python source/demo/send.py --port {port} "
        "garage__ena 0\n"
        "Ctrl-C ends the demo."
    )


if __name__ == "__main__":
    sys.exit(main())
