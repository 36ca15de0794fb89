"""What a person sees: the stations and their newest values."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from testbed.bemcom_api import BemcomApi


class Values(Protocol):
    """Where the newest values are."""

    def value(self, key: str) -> Any:
        """Return the value of a datapoint, None without one."""


STATES: Mapping[Any, str] = {
    0: "start-up",
    1: "not ready",
    2: "ready",
    3: "charging",
    4: "error",
    5: "interrupted",
}
PLUGS: Mapping[Any, str] = {
    0: "nothing",
    1: "cable at station",
    3: "cable locked",
    5: "vehicle",
    7: "vehicle, locked",
}


def cells_of(api: Values, station: str) -> Iterator[tuple[str, str]]:
    """Yield title and text of each column for a station."""

    def value(key: str) -> Any:
        return api.value(f"{station}__{key}")

    yield "station", station
    yield (
        "online",
        {True: "yes", False: "no"}.get(value("connection__online"), "…"),
    )
    yield "state", str(STATES.get(value("report 2__State"), "…"))
    yield "plug", str(PLUGS.get(value("report 2__Plug"), "…"))
    yield "power", _scaled(value("report 3__P"), 1e-6, 2, "kW")
    yield "this session", _scaled(value("report 3__E pres"), 1e-4, 2, "kWh")
    yield "limit wanted", _scaled(value("report 2__Curr user"), 1e-3, 1, "A")
    yield "limit offered", _scaled(value("report 2__Max curr"), 1e-3, 1, "A")
    yield "last seen", _time_of_day(value("connection__last_seen"))


def _scaled(value: Any, factor: float, digits: int, unit: str) -> str:
    if not isinstance(value, int | float):
        return "…"
    return f"{value * factor:.{digits}f} {unit}"


def _time_of_day(timestamp_ms: Any) -> str:
    if not isinstance(timestamp_ms, int):
        return "…"
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return f"{moment.astimezone():%H:%M:%S}"


def live_view(
    api: BemcomApi, stations: Sequence[str], footer: str
) -> RenderableType:
    """Return the table, the newest log lines and how to go on."""
    table = Table(title="KEBA P30 connector: values on MQTT")
    for title, _ in cells_of(api, stations[0]):
        table.add_column(title, no_wrap=True)
    for station in stations:
        table.add_row(*(text for _, text in cells_of(api, station)))
    log = Text("\n".join([*api.log_rows][-5:]), style="dim")
    return Group(
        table, Text(f"{api.received} values received"), log, Text(footer)
    )


def plain_lines(api: BemcomApi, stations: Sequence[str]) -> str:
    """Return one line for each station, for logs and pipes."""
    lines = []
    for station in stations:
        (_, name), *cells = cells_of(api, station)
        details = ", ".join(f"{title} {text}" for title, text in cells)
        lines.append(f"{name}: {details}")
    return "\n".join(lines)
