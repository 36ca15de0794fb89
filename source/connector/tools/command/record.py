"""`record` at the command line."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from connector.settings import Station
from connector.tools import output, record
from connector.tools.command.common import working
from connector.tools.files import write_whole
from connector.tools.line import Line, resolve
from connector.tools.problems import Problem
from connector.tools.tool_settings import chosen_stations, tool_settings


def command(
    station: Annotated[
        str, typer.Argument(help="Name of a station, or its address.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File; else the capture is shown."),
    ] = None,
    listen: Annotated[
        float,
        typer.Option(
            min=0,
            max=86_400,
            help="Seconds to wait for status messages afterwards.",
        ),
    ] = 0.0,
    sessions: Annotated[
        bool,
        typer.Option("--sessions", help="Ask for reports 101 to 130 as well."),
    ] = False,
    unmasked: Annotated[
        bool,
        typer.Option(
            "--unmasked", help="Keep serial number and cards as they are."
        ),
    ] = False,
    note: Annotated[str, typer.Option(help="What readers should know.")] = "",
) -> None:
    """Record what a station answers, word for word, to share it.

    Only questions are sent. Serial numbers and RFID cards are replaced by
    dummies unless you say `--unmasked`. `replay` and the simulator read the
    file.

    Example: `cli.py record garage --listen 60 --out garage.json`
    """
    settings = tool_settings()
    [(_, target)] = chosen_stations(settings, [station]).items()
    address = _address_of(target)
    with (
        Line(settings.keba_p30_bind_address, settings.keba_p30_port) as line,
        working(f"recording {address}"),
    ):
        interview = record.record(
            line,
            address,
            with_sessions=sessions,
            listen_s=listen,
            reply_timeout_s=settings.keba_p30_reply_timeout,
        )
    capture = record.capture_of(interview, note=note, is_masked=not unmasked)
    text = json.dumps(capture, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    write_whole(out, text)
    count = len(capture["datagrams"])
    output.console().print(f"{count} datagrams written to {out}", markup=False)


def _address_of(station: Station) -> str:
    try:
        return resolve(station.host)
    except OSError:
        raise Problem(
            f"{station.host} does not resolve to an address",
            "Correct the name, or give the IPv4 address.",
            "name_unresolved",
        ) from None
