"""`page` at the command line."""

import contextlib
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from connector.diagnosis.causes import STATION_HINTS
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.day import History, day_of
from connector.tools.figures import now_ms
from connector.tools.files import write_whole
from connector.tools.history_file import HistoryFile, News, load_values
from connector.tools.overview import notices_of, summaries_of
from connector.tools.page_server import serving
from connector.tools.problems import UsageProblem
from connector.tools.tool_settings import tool_settings


def command(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file to write.")
    ] = None,
    serve: Annotated[
        str,
        typer.Option(
            metavar="[ADDRESS:]PORT",
            help="Serve the page to browsers, at 127.0.0.1 unless an address "
            "is given.",
        ),
    ] = "",
    values: Annotated[
        typer.FileText | None,
        typer.Option(
            "--from",
            encoding="utf-8",
            help="Values as `replay` writes them: makes one page and ends.",
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="File that keeps the last day over restarts."),
    ] = None,
    every: Annotated[
        float,
        typer.Option(min=1, max=3600, help="Seconds from page to page."),
    ] = 60.0,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "",
) -> None:
    """Make a status page: power, energy, states, availability, commands.

    Follows the connector through MQTT until Ctrl-C and renews the page, or
    makes one of recorded values by `--from`.

    Example: `keba page --serve 8080 --history day.jsonl`
    """
    # Drawing takes a quarter of a second to import; other tools draw nothing.
    from connector.tools.page_html import html_of

    settings = tool_settings()
    heading = title or settings.connector_name
    if values is not None:
        if out is None:
            raise UsageProblem("a page of recorded values needs --out")
        past = History()
        load_values(values, past)
        ends_ms = past.newest_ms or now_ms()
        write_whole(out, html_of(day_of(past, ends_ms), heading))
        return
    if out is None and not serve:
        raise UsageProblem(
            "say where the page goes: --out status.html, or --serve 8080"
        )
    # A container is ended like that.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    past = History()
    news = News()
    with contextlib.suppress(KeyboardInterrupt), ExitStack() as stack:
        book = HistoryFile(history, past)
        stack.callback(book.add, news)
        broker = stack.enter_context(BrokerClient(settings, news.receive))
        broker.look_around()

        def renewed() -> str:
            book.add(news)
            notes = broker.read(lambda view: notes_of(view, broker.trouble()))
            page = html_of(day_of(past, now_ms()), heading, notes, every)
            if out is not None:
                write_whole(out, page)
            return page

        page = renewed()
        screen = terminal.console()
        if out is not None:
            screen.print(f"the page is written to {out}", markup=False)
        server = None
        if serve:
            address, port = _address_and_port(serve)
            server = stack.enter_context(serving(page, address, port))
            url = f"http://{address}:{server.server_port}/"
            screen.print(f"the page is at {url}", markup=False)
        screen.print("end with Ctrl-C", style="dim")
        sys.stdout.flush()
        while True:
            time.sleep(every)
            page = renewed()
            if server is not None:
                server.page = page


def notes_of(view: ConnectorView, trouble: str) -> list[str]:
    """Return what `watch` says, and no datapoint on the page tells."""
    if trouble:
        return [trouble]
    stations = summaries_of(view)
    hints = {cause.code for cause in STATION_HINTS}
    return [row.sentences for row in notices_of(view)] + [
        f"{station.station} {row.sentences}"
        for station in stations
        for row in station.findings
        if row.code in hints
    ]


def _address_and_port(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise UsageProblem(
            f"{text!r} is no port; write for instance 8080 or 0.0.0.0:8080"
        )
    return address or "127.0.0.1", int(port)
