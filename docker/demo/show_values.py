"""Show the stations of the compose file's profile `demo`.

Plays BEMCom's API, without which no datapoint is selected and no value is
published, and writes a line for each station every few seconds.
"""

import itertools
import os
import signal
import sys
import threading

from testbed.bemcom_api import BemcomApi

STATIONS = ("garage", "yard")
EVERY_S = 5.0

HOW_TO_SEND_EVERY = 12
"""After so many lines of a station, so that it is still on the screen."""

COLUMNS = (
    ("state", "report 2__State", 1, ""),
    ("power", "report 3__P", 1e-6, " kW"),
    ("this session", "report 3__E pres", 1e-4, " kWh"),
    ("limit wanted", "report 2__Curr user", 1e-3, " A"),
    ("limit offered", "report 2__Max curr", 1e-3, " A"),
)
"""Title, key, what to multiply the raw value with, unit."""


def main() -> int:
    """Show values until a signal comes; return the exit code."""
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    host = os.environ["MQTT_BROKER_HOST"]
    port = int(os.environ["MQTT_BROKER_PORT"])
    connector = os.environ["CONNECTOR_NAME"]
    how_to_send = (
        "Write an actuator from a second terminal:\n"
        f"  docker compose exec values python demo/send.py --host {host} "
        f"--port {port} --connector {connector} garage__curr 10000"
    )
    api = BemcomApi(connector, port, host=host, selects_all=True)
    for count in itertools.count():
        if is_over.wait(EVERY_S):
            break
        lines = [line_of(api, station) for station in STATIONS]
        if count % HOW_TO_SEND_EVERY == 0:
            lines.append(how_to_send)
        sys.stdout.write("\n".join([*lines, ""]))
        sys.stdout.flush()
    api.close()
    return 0


def line_of(api: BemcomApi, station: str) -> str:
    """Return the newest values of a station, as far as there are any."""
    cells = [
        f"{title} {value * factor:g}{unit}"
        for title, key, factor, unit in COLUMNS
        if (value := api.value(f"{station}__{key}")) is not None
    ]
    return f"{station}: {', '.join(cells) or 'no values yet'}"


if __name__ == "__main__":
    sys.exit(main())
