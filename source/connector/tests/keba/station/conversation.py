"""Replies of a station, and a station driven on fake time."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from connector.diagnosis.causes import Code
from connector.diagnosis.link import link_cause
from connector.keba.protocol.commands import Command
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Event,
    Outcome,
)
from connector.keba.station.pacing import MARGIN_S, UDP_PAUSE_S
from connector.keba.station.station import Station, StationOptions

TCH_OK = b"TCH-OK :done\n"

GAP_S = UDP_PAUSE_S + MARGIN_S
"""What we keep between any two datagrams to a station."""

SomeEvent = TypeVar("SomeEvent")


def report(number: int, **fields: int | str) -> bytes:
    """Make a report in KEBA's layout; `_` in names stands for a blank."""
    named: Mapping[str, object] = {
        "ID": str(number),
        **{key.replace("_", " "): value for key, value in fields.items()},
    }
    lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in named.items())
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


class Conversation:
    """A station and its clock; keeps what was sent and what happened."""

    def __init__(self, **options: Any) -> None:
        self.station = Station("garage", StationOptions(**options))
        self.now = 0.0
        self.sent: list[tuple[float, str]] = []
        self.events: list[Event] = []

    def advance(self) -> str | None:
        """Take one step now; return what was sent."""
        step = self.station.advance(self.now, self.now)
        self.events += step.events
        if step.datagram is None:
            return None
        text = step.datagram.decode()
        self.sent.append((round(self.now, 3), text))
        return text

    def next_datagram(self, until: float = math.inf) -> str | None:
        """Let time pass until something is sent; return it."""
        while True:
            text = self.advance()
            if text is not None:
                return text
            deadline = max(self.station.next_deadline(), self.now + 1e-9)
            if deadline > until:
                self.now = until
                return None
            self.now = deadline

    def receive(self, data: bytes, after: float = 0.002) -> None:
        """Hand in what the station sends a moment later."""
        self.now += after
        self.events += self.station.receive(data, self.now)

    def submit(self, command: Command) -> None:
        """Queue a command."""
        self.events += self.station.submit(command, self.now)

    def give(self, command: Command, answer: bytes = TCH_OK) -> None:
        """Let a command leave, and be answered."""
        self.submit(command)
        assert self.next_datagram() == command.encode().decode()
        self.receive(answer)

    def lose_name(self) -> None:
        """Let the name of the station lead nowhere."""
        self.events += self.station.note_address(
            is_resolved=False, now=self.now
        )

    def find_name(self) -> None:
        """Let the name of the station lead to it again."""
        self.events += self.station.note_address(is_resolved=True, now=self.now)

    def pass_time(self, until: float) -> None:
        """Let time pass; the station stays silent."""
        while self.next_datagram(until) is not None:
            pass

    def answer_round(self, **settings: int) -> None:
        """Answer the three reports of a round."""
        for number in (1, 2, 3):
            assert self.next_datagram() == f"report {number}"
            fields = settings if number == 2 else {}
            self.receive(report(number, **fields))

    def happened(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        """Return the events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def results(self, command: Command) -> list[Outcome]:
        """Return what was told of a command."""
        return [
            event.outcome
            for event in self.happened(CommandFinished)
            if event.command == command
        ]

    def outcomes(self) -> list[Outcome]:
        """Return what was told of all commands, in order."""
        return [
            event.outcome
            for event in self.events
            if isinstance(event, CommandFinished | CommandNotSent)
        ]

    def reasons(self) -> list[Code]:
        """Return why the station is, or is not, online."""
        states = self.happened(ConnectionState)
        return [link_cause(state.link) for state in states]

    def texts(self) -> list[str]:
        """Return what was sent, without the moments."""
        return [text for _, text in self.sent]

    def settings_sent(self) -> list[str]:
        """Return what was sent but polls."""
        return [text for text in self.texts() if not text.startswith("report")]

    def moments(self, text: str) -> list[float]:
        """Return when this was sent."""
        return [at for at, sent in self.sent if sent == text]

    def forget(self) -> None:
        """Forget what was sent, and what happened."""
        self.sent.clear()
        self.events.clear()


def assert_pauses_hold(sent: Iterable[tuple[float, str]]) -> None:
    """Check KEBA's three pauses."""
    quiet_until = -math.inf
    asked_at: dict[str, float] = {}
    for sent_at, text in sent:
        assert sent_at >= quiet_until
        stops_charging = text in ("ena 0", "currtime 0 1")
        quiet_until = sent_at + (2.0 if stops_charging else 0.1)
        if text.startswith("report"):
            assert sent_at >= asked_at.get(text, -math.inf) + 5.0
            asked_at[text] = sent_at
