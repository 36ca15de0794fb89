"""Stations that answer what was recorded.

Two kinds of files are understood:

* a capture, ``{"datagrams": {"report 1": "...", ...}}``, as the recorder
  writes it; other keys are notes;
* raw messages of BEMCom, one JSON object in each line or a JSON list of them,
  either ``{"payload": {"raw_message": {station: {request: text}}, ...}, ...}``
  or with ``raw_message`` at the top; its value may also be a text that holds
  the same in JSON. Later ones of the same station follow earlier ones.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.actions import Action, Answer, Silence
from simulator.station import SimulatedStation
from simulator.wire import KEBA_PORT, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger("simulator")

Answers = dict[str, list[bytes]]
"""What was answered to each request, in turn."""


class ReplayError(ValueError):
    """A file holds no recording."""


class ReplayedStation(SimulatedStation):
    """Answers each request with what was recorded for it, in turn.

    After the last recorded answer to a request the first comes again. What
    was not recorded is not answered, and nothing happens by itself.
    """

    def __init__(
        self, name: str, answers: Answers, *, port: int = KEBA_PORT
    ) -> None:
        super().__init__(name, port=port)
        self._answers = answers
        self._given: Counter[str] = Counter()

    def answer(self, words: list[str]) -> bytes | None:
        """Return the recorded answer to a request, if there is one."""
        request = " ".join(words)
        answers = self._answers.get(request)
        if not answers:
            return None
        self._given[request] += 1
        return answers[(self._given[request] - 1) % len(answers)]

    def perform(self, action: Action, now: float) -> list[Outgoing]:
        """Fall silent or answer again; other actions change nothing."""
        if isinstance(action, Silence | Answer):
            return super().perform(action, now)
        return []


class Recording(NamedTuple):
    """What a file holds: recorded answers by station.

    A capture does not tell whose answers it has: they are found under None.
    """

    source: str
    stations: Mapping[str | None, Answers]

    def station(self, name: str, *, port: int = KEBA_PORT) -> ReplayedStation:
        """Make a station of this name; for a capture it may be any.

        A ReplayError says that it has no answers in this recording.
        """
        answers = self.stations.get(None) or self.stations.get(name)
        if answers is None:
            known = ", ".join(str(station) for station in self.stations)
            raise ReplayError(
                f"{self.source}: there is no station {name!r} in it, only "
                f"{known}: give the simulated one the name of one of these"
            )
        return ReplayedStation(name, answers, port=port)


def read_recording(path: Path) -> Recording:
    """Read a file; what is no recording in it is left out with a warning.

    A ReplayError says that nothing is left.
    """
    # Bytes that are no text are sent as they were.
    entries = _entries(path.read_text("utf-8", errors="surrogateescape"))
    stations: dict[str | None, Answers] = {}
    skipped = 0
    for entry in entries:
        message = _message(entry, may_be_capture=len(entries) == 1)
        skipped += message is None
        for station, datagrams in (message or {}).items():
            if not isinstance(datagrams, dict):
                skipped += 1
                continue
            for request, text in datagrams.items():
                answer = _bytes(text)
                # Status messages (`push 1`, ...) are left out: a recording
                # does not tell when they came.
                if answer is None:
                    skipped += 1
                elif request.split(" ")[0] not in {"push", "status"}:
                    answers = stations.setdefault(station, defaultdict(list))
                    answers[request].append(answer)
    if not stations:
        raise ReplayError(
            f"{path.name}: neither a capture nor raw messages in it"
        )
    if skipped:
        logger.warning(
            "%s: %d parts of it are no recording or cannot be read, and are "
            "left out",
            path.name,
            skipped,
        )
    return Recording(path.name, stations)


def _entries(text: str) -> list[object]:
    """Return what a file holds: one object, a list, or one in each line."""
    content = _load(text)
    if content is None:
        return [_load(line) for line in text.split("\n") if line.strip()]
    return content if isinstance(content, list) else [content]


def _load(text: str) -> Any:
    """Return what a text in JSON means, or None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _message(
    entry: object, *, may_be_capture: bool
) -> dict[str | None, object] | None:
    """Return datagrams by station, or None if an entry is foreign."""
    if not isinstance(entry, dict):
        return None
    if may_be_capture and "datagrams" in entry:
        return {None: entry["datagrams"]}
    payload = entry.get("payload", entry)
    message = payload.get("raw_message") if isinstance(payload, dict) else None
    if isinstance(message, str):
        # BEMCom's protocol page wants raw messages to be texts.
        message = _load(message)
    return message if isinstance(message, dict) else None


def _bytes(text: object) -> bytes | None:
    """Return what was sent as this text, or None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return None
