"""Record what a station answers, in the format of the captures.

    python -m simulator.record --host 192.0.2.10 --out garage.json --mask

Only requests that change nothing are sent, with KEBA's pauses between them.
No other client may use the port on this machine at the same time. The result
is one JSON object: notes about the station and `datagrams`, which maps each
request to its answer and `push 1`, `push 2`, ... to what came by itself.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.arguments import number, port
from simulator.wire import KEBA_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUESTS = ("i", "report 1", "report 2", "report 3", "report 100")
ENDED_SESSIONS = tuple(f"report {number}" for number in range(101, 131))

# KEBA asks for 100 ms (UDP guide V2.01, page 10); a gap set to exactly that
# may arrive shorter.
PAUSE_S = 0.15
# Old stations need more than a second.
PATIENCE_S = 3.0
LARGEST_DATAGRAM = 65_535

_REPORT = re.compile(r'\{\s*"ID"\s*:\s*"?(\d+)')
# Serial numbers, and the device number in the answer to `i` of old firmware
# (guide V2.00, page 7).
_SERIAL = re.compile(r'("Serial"\s*:\s*"?|"Firmware":"[^"]*\):)(\d+)')
_RFID = re.compile(r'("RFID (?:tag|class)\s*"\s*:\s*")([0-9a-fA-F]+)')
_FIELD = re.compile(r'"(Product|Firmware)"\s*:\s*"([^"]*)"')

MASKED_SERIAL = "12345678"
MASKED_RFID = "0123456789abcdef"


class Recorder:
    """Decides what to ask next and files what comes; has no socket.

    Parameters
    ----------
    requests
        What to ask, each once.
    listen_s
        How long to wait for status messages afterwards, in seconds.
    """

    def __init__(self, requests: Sequence[str], listen_s: float) -> None:
        self.datagrams: dict[str, str] = {}
        self._waiting = list(requests)
        self._asked: str | None = None
        self._next_at = -math.inf
        self._listen_s = listen_s
        self._pushes = 0
        self.is_over = False

    @property
    def next_moment(self) -> float:
        """When `due` has something to say."""
        return self._next_at

    def due(self, now: float) -> bytes | None:
        """Return the request that may leave now, if there is one."""
        if now < self._next_at:
            return None
        if self._waiting:
            self._asked = self._waiting.pop(0)
            self._next_at = now + PATIENCE_S
            return self._asked.encode("ascii")
        if self._listen_s > 0:
            self._asked = None
            self._next_at = now + self._listen_s
            self._listen_s = 0
            return None
        self.is_over = True
        return None

    def hear(self, data: bytes, now: float) -> None:
        """File a datagram of the station."""
        # Lossless, whatever the bytes are.
        text = data.decode("utf-8", "surrogateescape")
        request = self._request_of(text)
        if request is None:
            self._pushes += 1
            request = f"push {self._pushes}"
        self.datagrams.setdefault(request, text)
        if request == self._asked:
            self._asked = None
            self._next_at = now + PAUSE_S

    def _request_of(self, text: str) -> str | None:
        """Return which request a datagram answers; None for a push."""
        found = _REPORT.match(text)
        if found is None:
            is_info = text.startswith('"Firmware"')
            return "i" if is_info else None
        # Some firmware gives report 100 another number (guide V2.00, p12).
        asked = self._asked or ""
        if asked == "report 100" and "Session ID" in text:
            return asked
        return f"report {found[1]}"


def mask(datagrams: dict[str, str]) -> dict[str, str]:
    """Replace serial numbers and RFID tags by dummies of the same length."""
    return {
        request: _RFID.sub(_dummy_rfid, _SERIAL.sub(_dummy_serial, text))
        for request, text in datagrams.items()
    }


def capture(datagrams: dict[str, str], *, is_masked: bool) -> dict[str, object]:
    """Return a capture: notes about the station, and what it said.

    Parameters
    ----------
    datagrams
        Answers by request.
    is_masked
        Whether serial numbers and tags are dummies.
    """
    fields = dict(_FIELD.findall(datagrams.get("report 1", "")))
    note = "Recorded by python -m simulator.record."
    if is_masked:
        note += (
            f" Serial numbers are {MASKED_SERIAL}, RFID tags and classes "
            f"begin with {MASKED_RFID[:8]}."
        )
    missing = [request for request in REQUESTS if request not in datagrams]
    if missing:
        note += f" Not answered: {', '.join(missing)}."
    return {
        "source": "own recording",
        "model": fields.get("Product", "unknown").strip(),
        "firmware": fields.get("Firmware", "unknown"),
        "fidelity": "exact",
        "note": note,
        "datagrams": datagrams,
    }


def record(
    host: str,
    *,
    bind: str,
    port: int = KEBA_PORT,
    requests: Sequence[str] = REQUESTS,
    listen_s: float = 0.0,
) -> dict[str, str]:
    """Ask a station and return its answers by request.

    Parameters
    ----------
    host
        The station.
    bind
        The own address to send from.
    port
        KEBA's port, unless a test cannot use it.
    requests
        What to ask.
    listen_s
        How long to wait for status messages afterwards, in seconds.

    Raises
    ------
    OSError
        If the name or the port cannot be used.
    """
    address = socket.gethostbyname(host)
    recorder = Recorder(requests, listen_s)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((bind, port))
        while not recorder.is_over:
            now = time.monotonic()
            request = recorder.due(now)
            if request is not None:
                sock.sendto(request, (address, port))
            sock.settimeout(max(0.001, recorder.next_moment - now))
            try:
                data, sender = sock.recvfrom(LARGEST_DATAGRAM)
            except TimeoutError:
                continue
            if sender[0] == address:
                recorder.hear(data, time.monotonic())
    return recorder.datagrams


def main(arguments: Sequence[str] | None = None) -> int:
    """Record a station into a file.

    Returns
    -------
    int
        The exit code: 0, or 1 if the station said nothing or the file cannot
        be written.
    """
    options = _read_options(arguments)
    requests = REQUESTS + (ENDED_SESSIONS if options.sessions else ())
    try:
        _check_writable(options.out)
        datagrams = record(
            options.host,
            bind=options.bind,
            port=options.port,
            requests=requests,
            listen_s=options.listen,
        )
    except OSError as error:
        sys.stderr.write(f"record: {error}\n")
        return 1
    if not datagrams:
        sys.stderr.write(f"record: {options.host} does not answer\n")
        return 1
    if options.mask:
        datagrams = mask(datagrams)
    content = capture(datagrams, is_masked=options.mask)
    text = json.dumps(content, indent=1) + "\n"
    try:
        options.out.write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"record: {error}\n")
        return 1
    sys.stdout.write(f"{len(datagrams)} datagrams in {options.out}\n")
    return 0


def _check_writable(path: Path) -> None:
    """Refuse a file that cannot be written; leave none behind.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    is_new = not path.exists()
    with path.open("a", encoding="utf-8"):
        pass
    if is_new:
        path.unlink()


def _dummy_serial(found: re.Match[str]) -> str:
    return found[1] + _fill(MASKED_SERIAL, len(found[2]))


def _dummy_rfid(found: re.Match[str]) -> str:
    if set(found[2]) == {"0"}:
        # No card: that is no secret.
        return found[0]
    return found[1] + _fill(MASKED_RFID, len(found[2]))


def _fill(pattern: str, length: int) -> str:
    return (pattern * (length // len(pattern) + 1))[:length]


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.record",
        description="Record what a KEBA charging station answers.",
    )
    parser.add_argument("--host", required=True, help="the station")
    parser.add_argument("--bind", default="0.0.0.0", help="own address")  # noqa: S104  (a recorder has nobody to hide from)
    parser.add_argument("--port", default=KEBA_PORT, type=port)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    parser.add_argument(
        "--mask",
        action="store_true",
        help="replace serial numbers and RFID tags",
    )
    parser.add_argument(
        "--sessions", action="store_true", help="ask for reports 101 to 130"
    )
    parser.add_argument(
        "--listen",
        default=0.0,
        type=number(0.0),
        metavar="SECONDS",
        help="wait for status messages afterwards",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
