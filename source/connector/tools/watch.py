"""`watch`: the stations as they are now, from MQTT."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from connector.keba.protocol.fields import Plug, State
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView, Reading
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.terminal import AsJson, zone_name
from connector.tools.tool_settings import require_broker, tool_settings

MISSING = "…"

STATE_STYLES = {
    "charging": "green",
    "error": "bold red",
    "interrupted": "yellow",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of one station; None where nothing is known.

    Parameters
    ----------
    station
        Its name.
    connection
        ``ok``, or why it is offline.
    state, plug
        In words.
    power_kw, session_kwh, total_kwh
        Power and energy.
    wanted_a, offered_a
        Limit by command, and what the vehicle is offered.
    limited_by, error
        As the connector tells.
    result
        The newest result of a command.
    last_seen
        Local time of the last datagram.
    """

    station: str
    connection: str | None
    state: str | None
    plug: str | None
    power_kw: float | None
    session_kwh: float | None
    total_kwh: float | None
    wanted_a: float | None
    offered_a: float | None
    limited_by: str | None
    error: str | None
    result: str | None
    last_seen: str | None


def rows_of(view: ConnectorView) -> list[Row]:
    """Return a row for each station that the connector knows."""
    return [row_of(view, station) for station in view.stations]


def row_of(view: ConnectorView, station: str) -> Row:
    """Return what is known of a station."""

    def value(key: str) -> Any:
        return view.value(f"{station}__{key}")

    return Row(
        station=station,
        connection=_text(value("connection__reason")),
        state=_in_words(State, value("report 2__State")),
        plug=_in_words(Plug, value("report 2__Plug")),
        power_kw=_scaled(value("report 3__P"), 1e-6),
        session_kwh=_scaled(value("report 3__E pres"), 1e-4),
        total_kwh=_scaled(value("report 3__E total"), 1e-4),
        wanted_a=_scaled(value("report 2__Curr user"), 1e-3),
        offered_a=_scaled(value("report 2__Max curr"), 1e-3),
        limited_by=_text(value("readings__limited_by")),
        error=_text(value("readings__error")),
        result=newest_result(view, station),
        last_seen=_time_of_day(value("connection__last_seen")),
    )


def newest_result(view: ConnectorView, station: str) -> str | None:
    """Return what became of the last command, as ``curr applied 14:03:20``."""
    prefix = f"{station}__results__"
    results = [
        (key.removeprefix(prefix), reading)
        for key, reading in view.readings.items()
        if key.startswith(prefix) and reading.value is not None
    ]
    if not results:
        return None
    word, reading = max(results, key=_age_of)
    return f"{word} {reading.value} {_time_of_day(reading.timestamp_ms)}"


def _age_of(result: tuple[str, Reading]) -> int:
    return result[1].timestamp_ms


def rows_as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Return rows for machines."""
    return [asdict(row) for row in rows]


def table_of(rows: list[Row], title: str) -> Table:
    """Return rows for people."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    for heading in (
        "station",
        "link",
        "state",
        "plug",
        "power",
        "session",
        "total",
        "wanted",
        "offered",
        "limited by",
        "last command",
        "last seen",
    ):
        table.add_column(heading, header_style="dim", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: Row) -> Iterator[Text]:
    yield Text(row.station, "bold")
    is_ok = row.connection == "ok"
    yield Text(row.connection or MISSING, "green" if is_ok else "bold red")
    state = row.error or row.state or MISSING
    yield Text(state, STATE_STYLES.get(row.state or "", ""))
    yield Text(row.plug or MISSING)
    yield _number(row.power_kw, 2, "kW")
    yield _number(row.session_kwh, 2, "kWh")
    yield _number(row.total_kwh, 1, "kWh")
    yield _number(row.wanted_a, 1, "A")
    yield _number(row.offered_a, 1, "A")
    yield Text(row.limited_by or MISSING)
    yield Text(row.result or "none")
    yield Text(row.last_seen or MISSING)


def _number(value: float | None, digits: int, unit: str) -> Text:
    text = MISSING if value is None else f"{value:.{digits}f} {unit}"
    return Text(text, justify="right")


def _scaled(value: Any, factor: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value * factor, 6)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _in_words(names: type[IntEnum], value: Any) -> str | None:
    if not isinstance(value, int):
        return _text(value)
    known = {member.value: member.name for member in names}
    name = known.get(value)
    return str(value) if name is None else name.lower().replace("_", " ")


def _time_of_day(timestamp_ms: Any) -> str | None:
    if not isinstance(timestamp_ms, int):
        return None
    moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    return f"{moment.astimezone():%H:%M:%S}"


# --- the command ----------------------------------------------------------

REFRESH_S = 1.0


def command(
    once: Annotated[
        bool, typer.Option("--once", help="Show the table once and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all stations, live, from MQTT; works beside the connector.

    Ends with Ctrl-C. With `--once` or `--json` it shows what is known now;
    the exit code is then 1 if a station is not online.

    Example: `keba watch --once`
    """
    settings = tool_settings()
    require_broker(settings)
    with BrokerClient(settings) as broker:
        broker.look_around()
        _require_map(broker)
        rows = rows_of(broker.view)
        if as_json:
            terminal.print_json(rows_as_json(rows))
        elif once:
            terminal.print_table(table_of(rows, _title(broker)))
        else:
            _watch_live(broker)
            return
    if any(row.connection != "ok" for row in rows):
        raise typer.Exit(EXIT_FINDINGS)


def _watch_live(broker: BrokerClient) -> None:
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=terminal.console(), auto_refresh=False) as live,
    ):
        while True:
            rows = broker.read(rows_of)
            live.update(table_of(rows, _title(broker)), refresh=True)
            time.sleep(REFRESH_S)


def _title(broker: BrokerClient) -> str:
    online = {True: "online", False: "OFFLINE", None: ""}
    state = online[broker.view.is_online]
    return f"{broker.view.name} {state}, times in {zone_name()}"


def _require_map(broker: BrokerClient) -> None:
    if broker.view.has_map:
        return
    raise Problem(
        f"there is no datapoint map of {broker.view.name}: no value is "
        "published",
        "Add the connector in BEMCom's AdminUI and mark its datapoints as "
        "active; CONNECTOR_NAME must be the same in both.",
        "no_map",
    )
