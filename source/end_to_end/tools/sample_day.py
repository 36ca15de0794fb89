"""A day of four simulated stations, for `make pictures`.

The connector's fleet talks to simulated stations on fake time, as it would
over the network; what the page shows of it is written as `replay` writes it.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connector.diagnosis.link import link_cause
from connector.keba.protocol.commands import (
    Command,
    Enable,
    Milliampere,
    SetCurrent,
)
from connector.keba.station.events import (
    CommandFinished,
    CommandNotSent,
    ConnectionState,
    Event,
    ReportReceived,
    StatusReceived,
)
from connector.tools.day import is_shown
from connector.tools.replay import StoredMessage, values_of
from end_to_end.conversing import FakeNetwork
from simulator import PROFILES, SimulatedStation
from simulator.actions import (
    Action,
    Answer,
    Fail,
    PlugIn,
    Recover,
    Silence,
    Unplug,
)
from simulator.vehicle import Vehicle

BEGIN_S = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
DAY_S = 24 * 3600.0
POLL_S = 60.0

STATIONS = {
    "garage": "p30-c",
    "yard": "p30-x",
    "depot-east": "p30-c",
    "depot-west": "p30-confirms-only",
}


def _vehicle(kwh: float, phases: int = 3, amperes: int = 16) -> PlugIn:
    return PlugIn(
        Vehicle(
            needs_wh=kwh * 1000.0,
            phases=phases,
            max_current=amperes * 1000,
        )
    )


def _curr(amperes: int) -> Command:
    return SetCurrent(Milliampere(amperes * 1000))


PLOT: tuple[tuple[str, str, Action | Command], ...] = (
    ("00:01", "garage", _vehicle(21)),
    ("07:10", "garage", Unplug()),
    ("17:42", "garage", _vehicle(34)),
    ("18:30", "garage", _curr(10)),
    ("20:00", "garage", _curr(16)),
    ("08:20", "yard", _vehicle(70, amperes=32)),
    ("08:21", "yard", _curr(6)),
    ("09:30", "yard", _curr(10)),
    ("10:40", "yard", _curr(18)),
    ("12:00", "yard", _curr(28)),
    ("13:10", "yard", _curr(20)),
    ("14:20", "yard", _curr(9)),
    ("15:30", "yard", Enable(on=False)),
    ("16:05", "yard", Unplug()),
    ("16:06", "yard", Enable(on=True)),
    ("16:07", "yard", _curr(32)),
    ("20:15", "yard", _vehicle(60, amperes=16)),
    ("06:30", "depot-east", _vehicle(9)),
    ("08:05", "depot-east", Unplug()),
    ("09:15", "depot-east", _vehicle(12)),
    ("11:00", "depot-east", Unplug()),
    ("11:40", "depot-east", Silence()),
    ("12:20", "depot-east", _curr(16)),
    ("13:25", "depot-east", Answer()),
    ("14:00", "depot-east", _vehicle(15)),
    ("17:30", "depot-east", Unplug()),
    ("22:00", "depot-east", _vehicle(45)),
    ("07:45", "depot-west", _vehicle(30, phases=1)),
    ("09:40", "depot-west", Fail()),
    ("10:10", "depot-west", Recover()),
    ("12:00", "depot-west", _curr(10)),
    ("15:10", "depot-west", Unplug()),
)


class RecordedNetwork(FakeNetwork):
    """A network that keeps the values which the connector would publish."""

    def __init__(self) -> None:
        self._messages: list[StoredMessage] = []
        self._values: list[tuple[int, str, Any]] = []
        super().__init__(
            (
                SimulatedStation(name, PROFILES[profile], unix_at_zero=BEGIN_S)
                for name, profile in STATIONS.items()
            ),
            poll_interval_s=POLL_S,
        )

    def values(self) -> list[tuple[int, str, Any]]:
        """Return time in ms, key and value of everything, in order."""
        read = [
            (value.timestamp_ms or 0, value.key, value.value)
            for value in values_of(self._messages)
        ]
        return sorted([*read, *self._values], key=lambda value: value[:2])

    def _write_down(self, event: Event) -> None:
        super()._write_down(event)
        at_ms = round((BEGIN_S + self.now) * 1000)
        match event:
            case ReportReceived(station=name, request=request, text=text):
                self._keep_text(name, request, text, at_ms)
            case StatusReceived(station=name, text=text):
                self._keep_text(name, "status", text, at_ms)
            case ConnectionState(station=name, link=link):
                key = f"{name}__connection__reason"
                self._values.append((at_ms, key, str(link_cause(link))))
            case CommandFinished(station=name, command=command):
                word, value = command.word, command.arguments()
                key = f"{name}__results__{word}"
                self._values.append((at_ms, key, str(event.outcome)))
                self._values.append((at_ms, f"{name}__{word}", value))
            case CommandNotSent(station=name, word=word):
                key = f"{name}__results__{word}"
                self._values.append((at_ms, key, str(event.outcome)))

    def _keep_text(
        self, name: str, request: str, text: str, at_ms: int
    ) -> None:
        self._messages.append(StoredMessage({name: {request: text}}, at_ms))


def play() -> RecordedNetwork:
    """Let the day pass."""
    network = RecordedNetwork()
    for time, name, deed in sorted(PLOT, key=lambda entry: entry[0]):
        hours, minutes = map(int, time.split(":"))
        network.advance(hours * 3600.0 + minutes * 60.0 - network.now)
        if isinstance(deed, Command):
            network.submit(name, deed)
        else:
            network.act(name, deed)
    network.advance(DAY_S - network.now)
    return network


def main() -> None:
    """Write the day to the file that is named."""
    lines = [
        json.dumps({"timestamp": at_ms, "key": key, "value": value}) + "\n"
        for at_ms, key, value in play().values()
        if is_shown(key)
    ]
    Path(sys.argv[1]).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
