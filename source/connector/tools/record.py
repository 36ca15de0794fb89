"""`record`: what a station answers, word for word, in a file to share."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.settings import Station
from connector.tools import terminal
from connector.tools.files import write_whole
from connector.tools.interview import Interview
from connector.tools.line import Line, resolve
from connector.tools.problems import Problem
from connector.tools.terminal import working
from connector.tools.tool_settings import chosen_stations, tool_settings

QUESTIONS = ("report 1", "i", "report 2", "report 3", "report 100")
ENDED_SESSIONS = tuple(f"report {number}" for number in range(101, 131))

# Any digits, but always the same ones: reports of one station fit together.
MASKED_SERIAL = "12345678"
MASKED_CARD = "0123456789abcdef0123"

_SERIAL = re.compile(r'("Serial"\s*:\s*"?)(\d+)')
_CARD = re.compile(
    r'("RFID (?:tag|class)\s*"\s*:\s*")([0-9a-fA-F]+)', re.IGNORECASE
)


def record(
    line: Line,
    address: str,
    *,
    with_sessions: bool,
    listen_s: float,
    reply_timeout_s: float,
) -> Interview:
    """Ask for everything that changes nothing, then listen.

    Parameters
    ----------
    line
        Where to ask.
    address
        The station.
    with_sessions
        Whether to ask for reports 101 to 130 as well.
    listen_s
        How long to wait for status messages afterwards.
    reply_timeout_s
        How long the connector would wait for an answer.

    Raises
    ------
    Problem
        If nothing at all was answered.
    """
    questions = QUESTIONS + (ENDED_SESSIONS if with_sessions else ())
    interview = Interview(questions, reply_timeout_s=reply_timeout_s)
    interviews = {address: interview}
    line.conduct(interviews)
    if not interview.answers:
        raise Problem(
            f"{address} does not answer",
            "`doctor` tells why.",
            "no_reply",
        )
    line.listen(interviews, listen_s)
    return interview


def capture_of(
    interview: Interview, *, note: str, is_masked: bool
) -> dict[str, Any]:
    """Return a capture: notes and the text of each datagram.

    Parameters
    ----------
    interview
        What was answered.
    note
        For people.
    is_masked
        Whether to replace serial numbers and cards.
    """
    identity = interview.answer_to("report 1")
    report = identity.report if identity else None
    fields = report.fields if report else {}
    texts = {one.request: one.text for one in interview.answers}
    pushes = [heard.text for heard in interview.pushes()]
    texts |= {f"push {number}": text for number, text in enumerate(pushes, 1)}
    masks = f"serial {MASKED_SERIAL} and cards are dummies" if is_masked else ""
    return {
        "source": "recorded by the connector's tool",
        "model": fields.get("Product", "unknown"),
        "firmware": fields.get("Firmware", "unknown"),
        "fidelity": "exact",
        "note": "; ".join(filter(None, (note, masks))),
        "recorded_at": time.time_ns() // 1_000_000,
        "datagrams": {
            request: mask(text) if is_masked else text
            for request, text in texts.items()
        },
    }


def mask(text: str) -> str:
    """Replace serial numbers and cards, keeping their lengths."""
    text = _SERIAL.sub(lambda found: _masked(found, MASKED_SERIAL), text)
    return _CARD.sub(lambda found: _masked(found, MASKED_CARD), text)


def _masked(found: re.Match[str], dummy: str) -> str:
    key, secret = found.groups()
    if not secret.strip("0"):
        # No card at all is no secret, but a fact.
        return f"{key}{secret}"
    repeated = dummy * (len(secret) // len(dummy) + 1)
    return f"{key}{repeated[: len(secret)]}"


# --- the command ----------------------------------------------------------


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

    Example: `keba record garage --listen 60 --out garage.json`
    """
    settings = tool_settings()
    [(_, target)] = chosen_stations(settings, [station]).items()
    address = _address_of(target)
    with (
        Line(settings.keba_p30_bind_address, settings.keba_p30_port) as line,
        working(f"recording {address}"),
    ):
        interview = record(
            line,
            address,
            with_sessions=sessions,
            listen_s=listen,
            reply_timeout_s=settings.keba_p30_reply_timeout,
        )
    capture = capture_of(interview, note=note, is_masked=not unmasked)
    text = json.dumps(capture, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
        return
    write_whole(out, text)
    count = len(capture["datagrams"])
    terminal.console().print(
        f"{count} datagrams written to {out}", markup=False
    )


def _address_of(station: Station) -> str:
    try:
        return resolve(station.host)
    except OSError:
        raise Problem(
            f"{station.host} does not resolve to an address",
            "Correct the name, or give the IPv4 address.",
            "name_unresolved",
        ) from None
