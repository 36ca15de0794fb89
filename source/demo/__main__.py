"""Show the real connector at work: ``make demo``.

Starts a broker and two simulated stations in this process and the connector
in one of its own, configured by environment as in production; then plays
BEMCom's API and shows what arrives.
"""

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from demo.broker import HOST, running_broker
from demo.values import show
from simulator import Simulator
from testbed.bemcom_api import BemcomApi
from testbed.connector_process import ConnectorProcess

ADDRESSES = {"garage": "127.0.0.2", "yard": "127.0.0.3"}
SCENARIOS = {"garage": "always-charging", "yard": "idle"}
CONNECTOR = "keba-p30-connector"

SPEED = 5.0
"""Time in the stations passes so much faster: energy should be seen to grow."""

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
    ends_at = time.monotonic() + seconds
    with ExitStack() as stack:
        try:
            port = stack.enter_context(running_broker())
            stack.enter_context(
                Simulator(ADDRESSES, scenario=SCENARIOS, speed=SPEED)
            )
        except OSError as error:
            told = error.strerror or error
            print(f"The demo cannot start: {told}", file=sys.stderr)
            return 1
        # An empty folder: no `.env` has a say in the demo.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        connector = ConnectorProcess(
            folder,
            port,
            ADDRESSES,
            CONNECTOR_NAME=CONNECTOR,
            # Both are for tests, which have less patience than people.
            POLL_SECONDS=os.environ.get("DEMO_POLL_SECONDS", "5"),
            PYTHONPATH=os.environ.get("PYTHONPATH", ""),
        )
        stack.enter_context(connector)
        stack.callback(connector.end)
        api = stack.enter_context(BemcomApi(CONNECTOR, port, selects_all=True))

        def is_over(wait_s: float) -> bool:
            time.sleep(max(0.0, min(wait_s, ends_at - time.monotonic())))
            return time.monotonic() >= ends_at or not connector.is_running()

        keba = [
            f"export MQTT_BROKER_HOST={HOST} MQTT_BROKER_PORT={port}",
            ".venv/bin/keba",
        ]
        had_values = show(api, keba, is_over)
        if had_values and connector.is_running():
            return 0
        print(connector.output, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
