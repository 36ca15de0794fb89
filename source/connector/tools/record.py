"""`record`: what a station answers, word for word, in a file to share."""

import json
import re
import sys
import time
from collections.abc import Mapping
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import AskFirmware
from connector.keba.station.events import (
    CommandAnswered,
    CommandFinished,
    Event,
    ReportReceived,
    ReportUnanswered,
    StatusReceived,
)
from connector.settings import Station
from connector.tools import terminal
from connector.tools.figures import now_ms
from connector.tools.files import require_writable, write_whole
from connector.tools.stations import (
    await_identity,
    deliveries,
    fields_of,
    open_gateway,
)
from connector.tools.terminal import working
from connector.tools.tool_settings import (
    StationName,
    chosen_stations,
    tool_settings,
)

REQUESTS = ("report 1", "i", "report 2", "report 3", "report 100")
"""In the order of a capture."""

PATIENCE_S = 120.0

# Any digits, but always the same ones: reports of one station fit together.
MASKED_SERIAL = "12345678"
MASKED_CARD = "0123456789abcdef0123"

_SECRETS = (
    (r'("Serial"\s*:\s*"?)(\d+)', MASKED_SERIAL),
    # The device number in the answer to `i` of old firmware (guide V2.00,
    # page 7).
    (r'("Firmware"\s*:\s*"[^"]*\):)(\d+)', MASKED_SERIAL),
    (r'(?i)("RFID (?:tag|class)\s*"\s*:\s*")([0-9a-f]+)', MASKED_CARD),
)


def record(
    gateway: Gateway, station: str, host: str, *, listen_s: float
) -> dict[str, str]:
    """Ask for everything that changes nothing, then listen.

    Returns what was said, by request; ``push 1`` and so on came by themselves.
    """
    texts = {"report 1": await_identity(gateway, station, host)}
    gateway.submit(station, AskFirmware())
    for number in (2, 3, 100):
        gateway.ask(station, number)
    missing = {*REQUESTS} - {*texts}
    for delivery in deliveries(gateway, time.monotonic() + PATIENCE_S):
        missing -= _file(delivery.event, texts)
        if not missing:
            break
    for delivery in deliveries(gateway, time.monotonic() + listen_s):
        _file(delivery.event, texts)
    ordered = {one: texts[one] for one in REQUESTS if one in texts}
    return ordered | texts


def _file(event: Event, texts: dict[str, str]) -> set[str]:
    """File what was said under its request; return what is settled by it."""
    match event:
        case ReportReceived(request=request, text=text):
            texts.setdefault(request, text)
            return {request}
        case StatusReceived(text=text):
            pushes = sum(request.startswith("push ") for request in texts)
            texts[f"push {pushes + 1}"] = text
        case CommandAnswered(text=text):
            texts["i"] = text
        case CommandFinished():
            return {"i"}
        case ReportUnanswered(request=request):
            return {request}
    return set()


def capture_of(
    datagrams: Mapping[str, str], *, note: str, is_masked: bool
) -> dict[str, Any]:
    """Return a capture: notes and the text of each datagram."""
    fields = fields_of(datagrams["report 1"])
    silent = [one for one in REQUESTS if one not in datagrams]
    notes = (
        note,
        f"serial {MASKED_SERIAL} and cards are dummies" if is_masked else "",
        f"not answered: {', '.join(silent)}" if silent else "",
    )
    return {
        "source": "recorded by the connector's tool",
        "model": fields.get("Product", "unknown"),
        "firmware": fields.get("Firmware", "unknown"),
        "fidelity": "exact",
        "note": "; ".join(filter(None, notes)),
        "recorded_at": now_ms(),
        "datagrams": {
            request: mask(text) if is_masked else text
            for request, text in datagrams.items()
        },
    }


def mask(text: str) -> str:
    """Replace serial numbers and cards, keeping their lengths."""
    for pattern, dummy in _SECRETS:
        text = re.sub(pattern, partial(_masked, dummy), text)
    return text


def _masked(dummy: str, found: re.Match[str]) -> str:
    key, secret = found.groups()
    if not secret.strip("0"):
        # No card at all is no secret, but a fact.
        return found[0]
    return key + "".join(islice(cycle(dummy), len(secret)))


# --- the command ----------------------------------------------------------


def command(
    station: StationName,
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

    Example: `keba record garage --listen 60 --out garage.json`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    if out is not None:
        require_writable(out)
    with (
        # Also another station than the configured one can be recorded.
        open_gateway(settings, {name: Station(host=target.host)}) as gateway,
        working(f"recording {target.host}"),
    ):
        datagrams = record(gateway, name, target.host, listen_s=listen)
    capture = capture_of(datagrams, note=note, is_masked=not unmasked)
    text = json.dumps(capture, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    write_whole(out, text)
    terminal.console().print(
        f"{len(datagrams)} datagrams written to {out}", markup=False
    )
