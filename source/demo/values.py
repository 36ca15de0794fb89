"""The newest values of the demo's stations: live in a terminal, else as lines.

Run by itself it is the service `values` of docker-compose.yml: it plays
BEMCom's API, without which no datapoint is selected and no value published.
"""

import itertools
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable
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
LINES_EVERY_S = float(os.environ.get("DEMO_LINES_SECONDS") or 2)
"""Tests have less patience than people."""
LEAST_LOG_LINES = 4
OLD_AFTER_S = 25.0
"""Two polls, as the demo has them, and a bit."""

MISSING = "–"

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
        show(api, ["docker compose exec connector keba"], is_over.wait)
    return 0


def show(
    api: BemcomApi, keba: list[str], is_over: Callable[[float], object]
) -> bool:
    """Show values as soon as there are any; tell whether there were.

    Parameters
    ----------
    keba
        How a user calls the tools for the same broker: lines, of which the
        last one still needs a command.
    is_over
        Waits so many seconds, or less; tells whether to end.
    """
    until = time.monotonic() + FIRST_VALUES_S
    while not has_values(api) and time.monotonic() < until:
        if is_over(LIVE_EVERY_S):
            return False
    console = Console()
    if console.is_terminal:
        _show_live(api, keba, is_over, console)
    else:
        _show_lines(api, keba, is_over)
    return has_values(api)


def _show_live(
    api: BemcomApi,
    keba: list[str],
    is_over: Callable[[float], object],
    console: Console,
) -> None:
    with Live(console=console, auto_refresh=False) as live:
        live.update(screen_of(api, keba, *console.size), refresh=True)
        while not is_over(LIVE_EVERY_S):
            live.update(screen_of(api, keba, *console.size), refresh=True)


def _show_lines(
    api: BemcomApi, keba: list[str], is_over: Callable[[float], object]
) -> None:
    for count in itertools.count():
        if count % HOW_TO_SEND_EVERY == 0:
            print("\n".join(how_to_send(api, keba)))
        for station in STATIONS:
            print(line_of(api, station))
        sys.stdout.flush()
        if is_over(LINES_EVERY_S):
            return


def has_values(api: BemcomApi) -> bool:
    """Whether each station has told its power."""
    powers = [api.value(f"{station}__report 3__P") for station in STATIONS]
    return None not in powers


def how_to_send(api: BemcomApi, keba: list[str]) -> list[str]:
    """Return commands that write actuators; none until they are selected."""
    if not has_values(api):
        return []
    *before, call = keba
    return [
        "Send a command from a second terminal, for instance:",
        *(f"  {line}" for line in before),
        f"  {call} send garage curr 10000 --yes",
        f"  {call} send garage ena 0 --yes",
    ]


def line_of(api: BemcomApi, station: str) -> str:
    """Return what a log shows of a station, also beside compose's prefix."""
    cells = cells_of(api, station)
    if cells["online"] == "no":
        return f"{station}: offline, seen {cells['seen']}"
    values = ", ".join(cells[title] for title in ("state", "power", "session"))
    return f"{station}: {values}, {cells['offered']} (wanted {cells['wanted']})"


def cells_of(api: BemcomApi, station: str) -> dict[str, str]:
    """Return title and text of each column for a station."""

    def value(key: str) -> Any:
        return api.value(f"{station}__{key}")

    online = {True: "yes", False: "no"}
    return {
        "online": online.get(value("connection__online"), MISSING),
        "state": _state(value("report 2__State")),
        "power": _scaled(value("report 3__P"), 1e-6, "kW"),
        "session": _scaled(value("report 3__E pres"), 1e-4, "kWh"),
        "wanted": _scaled(value("report 2__Curr user"), 1e-3, "A", 1),
        "offered": _scaled(value("report 2__Max curr"), 1e-3, "A", 1),
        "seen": _age(value("connection__last_seen")),
    }


def _state(value: Any) -> str:
    return MISSING if value is None else WORDS["State"][value]


def _scaled(value: Any, factor: float, unit: str, digits: int = 2) -> str:
    return MISSING if value is None else f"{value * factor:.{digits}f} {unit}"


def _age(timestamp_ms: Any) -> str:
    if timestamp_ms is None:
        return MISSING
    return f"{_seconds_since(timestamp_ms):.0f} s ago"


def _seconds_since(timestamp_ms: float) -> float:
    return max(0.0, time.time() - timestamp_ms / 1000)


def _is_old(api: BemcomApi, station: str) -> bool:
    seen = api.value(f"{station}__connection__last_seen")
    return seen is not None and _seconds_since(seen) > OLD_AFTER_S


def screen_of(
    api: BemcomApi, keba: list[str], width: int, height: int
) -> RenderableType:
    """Return the table, the newest log lines and how to go on."""
    table = Table("station", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for title in cells_of(api, STATIONS[0]):
        table.add_column(title, no_wrap=True)
    for station in STATIONS:
        style = "dim" if _is_old(api, station) else ""
        table.add_row(station, *cells_of(api, station).values(), style=style)
    above = Text("KEBA P30 connector: values on MQTT", style="bold")
    below = Text("\n".join([*how_to_send(api, keba), "Ctrl-C ends the demo."]))
    others = len(("title", "heads", *STATIONS, "received", ""))
    room = max(LEAST_LOG_LINES, height - others - len(below.split()) - 1)
    rows = [*api.log_rows][-room:]
    log = [line for row in rows for line in textwrap.wrap(row, width)][-room:]
    return Group(
        above,
        table,
        f"{api.received} values received; the connector's log:",
        Text("\n".join(log), style="dim"),
        Text(),
        below,
    )


if __name__ == "__main__":
    sys.exit(main())
