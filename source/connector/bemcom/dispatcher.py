"""The way from MQTT messages to commands."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from connector.bemcom.actuators import (
    ACTUATORS,
    FLEET,
    FLEET_WORDS,
    command_from_value,
)
from connector.keba.protocol.commands import Command, InvalidCommandError
from connector.keba.station.events import CommandNotSent, Event, Outcome
from connector.settings import Station
from pyconnector_template.logs import logger_about

logger = logger_about("connector")


class CommandSink(Protocol):
    """The part of the gateway that commands need."""

    def submit(self, station: str, command: Command) -> None: ...
    def emit(self, event: Event) -> None: ...
    def set_controlled(self, *, is_controlled: bool) -> None: ...


class CommandDispatcher:
    """Hands valid commands to the stations; what becomes of them is an event.

    Parameters
    ----------
    is_read_only
        Whether commands are checked and logged only.
    controller_timeout_s
        Without a command for so long nobody is in charge; None: for ever.
    is_hash
        Tells a hashed tag from that of a card.
    """

    def __init__(
        self,
        sink: CommandSink,
        stations: Mapping[str, Station],
        *,
        is_read_only: bool = False,
        controller_timeout_s: float | None = None,
        is_hash: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._stations = stations
        self._is_read_only = is_read_only
        self._controller_timeout_s = controller_timeout_s or math.inf
        self._is_hash = is_hash
        self._clock = clock
        self._was_controlled = True
        # Written by the actuator's thread, read by that of the sensor flow.
        self._last_command_at = clock()
        self._refused: set[tuple[str, str]] = set()

    def was_refused(self, station: str, word: str) -> bool:
        """Tell whether the newest value of an actuator was not sent."""
        return (station, word) in self._refused

    def send_command(self, datapoint_key: str, value: Any) -> None:
        """Check a value and queue its command; returns at once.

        The key is ``<station>__<word>``, or ``all__<word>`` for every station.
        What must not be sent is told as an event, like all other results.
        """
        self._last_command_at = self._clock()
        actuators = [*self._actuators_of(datapoint_key)]
        if not actuators:
            logger.warning(
                "Ignored a command for %.100s: there is no such actuator",
                datapoint_key,
            )
        for name, word in actuators:
            command = self._command_of(name, word, value)
            if command is not None:
                logger_about(name).debug("%s: %s is queued", name, command)
                self._refused.discard((name, word))
                self._sink.submit(name, command)

    def command_expired(self, datapoint_key: str) -> None:
        """Tell that a command was too old to be sent."""
        for name, word in self._actuators_of(datapoint_key):
            self._refuse(name, word, Outcome.EXPIRED)

    def check_control(self, *, broker_is_connected: bool) -> None:
        """Tell the stations when control is lost or back; call it regularly.

        Stations in failsafe mode limit themselves without a controller.
        """
        silence_s = self._clock() - self._last_command_at
        is_controlled = (
            broker_is_connected and silence_s < self._controller_timeout_s
        )
        if is_controlled != self._was_controlled:
            self._was_controlled = is_controlled
            self._sink.set_controlled(is_controlled=is_controlled)

    def _actuators_of(self, datapoint_key: str) -> Iterator[tuple[str, str]]:
        """Yield station and word of each actuator that this key stands for."""
        target, _, word = datapoint_key.rpartition("__")
        if target == FLEET and word in FLEET_WORDS:
            yield from ((name, word) for name in self._stations)
        elif target in self._stations and word in ACTUATORS:
            yield target, word

    def _command_of(self, name: str, word: str, value: Any) -> Command | None:
        """Return what may be sent; tell of everything else."""
        max_curr = self._stations[name].max_curr
        try:
            command = command_from_value(word, value, max_curr, self._is_hash)
        except InvalidCommandError as error:
            self._refuse(name, word, Outcome.INVALID, str(error))
            return None
        if self._is_read_only:
            self._refuse(name, word, Outcome.READ_ONLY, str(command))
            return None
        return command

    def _refuse(
        self, name: str, word: str, outcome: Outcome, detail: str = ""
    ) -> None:
        self._refused.add((name, word))
        self._sink.emit(CommandNotSent(name, word, outcome, detail))
