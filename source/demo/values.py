"""The newest values of the demo's stations: live in a terminal, else as lines.

Run by itself it is the service `values` of docker-compose.yml: it plays
BEMCom's API, without which no datapoint is selected and no value published.
"""

import itertools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from simulator.log_lines import WORDS
from testbed.bemcom_api import BemcomApi

STATIONS = ("garage", "yard")

FIRST_VALUES_S = 15.0
LIVE_EVERY_S = 0.5
LINES_EVERY_S = 2.0
NEWEST_LOG_ROWS = 5

HOW_TO_SEND_EVERY = 12
"""Lines of each station; then it scrolls out of sight."""


def main() -> int:
    """Show values until a signal comes; return the exit code."""
    is_over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: is_over.set())
    with BemcomApi(
        os.environ["CONNECTOR_NAME"],
        int(os.environ["MQTT_BROKER_PORT"]),
        host=os.environ["MQTT_BROKER_HOST"],
        selects_all=True,
    ) as api:
        show(api, "docker compose exec broker mosquitto_pub", is_over.wait)
    return 0


def show(
    api: BemcomApi, publish: str, is_over: Callable[[float], object]
) -> bool:
    """Show values as soon as there are any; tell whether there were.

    Parameters
    ----------
    publish
        The command with which a user publishes at the same broker.
    is_over
        Waits so many seconds, or less; tells whether to end.
    """
    until = time.monotonic() + FIRST_VALUES_S
    while not has_values(api) and time.monotonic() < until:
        if is_over(LIVE_EVERY_S):
            return False
    console = Console()
    if console.is_terminal:
        _show_live(api, publish, is_over, console)
    else:
        _show_lines(api, publish, is_over)
    return has_values(api)


def _show_live(
    api: BemcomApi,
    publish: str,
    is_over: Callable[[float], object],
    console: Console,
) -> None:
    with Live(console=console, auto_refresh=False) as live:
        live.update(_screen(api, publish), refresh=True)
        while not is_over(LIVE_EVERY_S):
            live.update(_screen(api, publish), refresh=True)


def _show_lines(
    api: BemcomApi, publish: str, is_over: Callable[[float], object]
) -> None:
    for count in itertools.count():
        if count % HOW_TO_SEND_EVERY == 0:
            print(how_to_send(api, publish))
        for station in STATIONS:
            cells = cells_of(api, station).items()
            print(f"{station}: {', '.join(f'{t} {text}' for t, text in cells)}")
        sys.stdout.flush()
        if is_over(LINES_EVERY_S):
            return


def has_values(api: BemcomApi) -> bool:
    """Whether each station has told its power."""
    powers = [api.value(f"{station}__report 3__P") for station in STATIONS]
    return None not in powers


def how_to_send(api: BemcomApi, publish: str) -> str:
    """Return commands that write actuators; empty until they are selected."""
    if not has_values(api):
        return ""
    lines = [
        f"  {publish} -t {api.topic(key)} "
        f"-m '{json.dumps({'value': value, 'timestamp': 0})}'"
        for key, value in (("garage__curr", 10_000), ("garage__ena", 0))
    ]
    return "\n".join(
        ["Write an actuator from a second terminal, for instance:", *lines]
    )


def cells_of(api: BemcomApi, station: str) -> dict[str, str]:
    """Return title and text of each column for a station."""

    def value(key: str) -> Any:
        return api.value(f"{station}__{key}")

    online = {True: "yes", False: "no"}
    return {
        "online": online.get(value("connection__online"), "…"),
        "state": _state(value("report 2__State")),
        "power": _scaled(value("report 3__P"), 1e-6, "kW"),
        "this session": _scaled(value("report 3__E pres"), 1e-4, "kWh"),
        "limit wanted": _scaled(value("report 2__Curr user"), 1e-3, "A"),
        "limit offered": _scaled(value("report 2__Max curr"), 1e-3, "A"),
        "last seen": _time_of_day(value("connection__last_seen")),
    }


def _state(value: Any) -> str:
    return "…" if value is None else WORDS["State"][value]


def _scaled(value: Any, factor: float, unit: str) -> str:
    return "…" if value is None else f"{value * factor:.2f} {unit}"


def _time_of_day(timestamp_ms: Any) -> str:
    if timestamp_ms is None:
        return "…"
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return f"{moment.astimezone():%H:%M:%S}"


def _screen(api: BemcomApi, publish: str) -> RenderableType:
    """Return the table, the newest log lines and how to go on."""
    table = Table("station", title="KEBA P30 connector: values on MQTT")
    for title in cells_of(api, STATIONS[0]):
        table.add_column(title, no_wrap=True)
    for station in STATIONS:
        table.add_row(station, *cells_of(api, station).values())
    log = "\n".join([*api.log_rows][-NEWEST_LOG_ROWS:])
    return Group(
        table,
        f"{api.received} values received",
        Text(log, style="dim"),
        Text(f"\n{how_to_send(api, publish)}\nCtrl-C ends the demo."),
    )


if __name__ == "__main__":
    sys.exit(main())
