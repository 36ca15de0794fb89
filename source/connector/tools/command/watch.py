"""`watch` at the command line."""

import contextlib
import time
from typing import Annotated

import typer
from rich.live import Live

from connector.tools import output, watch
from connector.tools.broker import BrokerVisit
from connector.tools.command.common import AsJson
from connector.tools.problems import EXIT_FINDINGS, Problem
from connector.tools.tool_settings import require_broker, tool_settings

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

    Example: `cli.py watch --once`
    """
    settings = tool_settings()
    require_broker(settings)
    with BrokerVisit(settings) as visit:
        visit.look_around()
        _require_map(visit)
        rows = watch.rows_of(visit.view)
        if as_json:
            output.print_json(watch.as_json(rows))
        elif once:
            output.print_table(watch.table_of(rows, _title(visit)))
        else:
            _watch_live(visit)
            return
    if any(row.connection != "ok" for row in rows):
        raise typer.Exit(EXIT_FINDINGS)


def _watch_live(visit: BrokerVisit) -> None:
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(console=output.console(), auto_refresh=False) as live,
    ):
        while True:
            rows = visit.read(watch.rows_of)
            live.update(watch.table_of(rows, _title(visit)), refresh=True)
            time.sleep(REFRESH_S)


def _title(visit: BrokerVisit) -> str:
    online = {True: "online", False: "OFFLINE", None: ""}
    return f"{visit.view.name} {online[visit.view.is_online]}".strip()


def _require_map(visit: BrokerVisit) -> None:
    if visit.view.has_map:
        return
    raise Problem(
        f"there is no datapoint map of {visit.view.name}: no value is "
        "published",
        "Add the connector in BEMCom's AdminUI and mark its datapoints as "
        "active; CONNECTOR_NAME must be the same in both.",
        "no_map",
    )
