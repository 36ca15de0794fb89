"""`send`: one command to one station, and what became of it."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.diagnosis.link import link_cause
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import Command, InvalidCommandError
from connector.keba.protocol.messages import Report, parse_text
from connector.keba.station.events import (
    CommandAnswered,
    CommandFinished,
    CommandUnanswered,
    ConnectionState,
    Event,
    Outcome,
    ReportReceived,
)
from connector.keba.station.station import StationOptions
from connector.settings import Station
from connector.tools.broker import BrokerVisit
from connector.tools.broker_view import BrokerView, Reading
from connector.tools.diagnosis import REASON_ADVICE
from connector.tools.line import Line
from connector.tools.problems import Problem, UsageProblem
from connector.tools.tool_settings import ToolSettings

PATIENCE_S = 40.0
"""Twice the answer's time, KEBA's pauses and two readings fit in."""

CONNECTOR_PATIENCE_S = 40.0
DONE = (Outcome.APPLIED, Outcome.RECEIVED)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command.

    Parameters
    ----------
    outcome
        One word, as in the datapoint ``results__<command>``.
    detail
        More about it.
    is_done
        Whether the station took it, as far as can be known.
    """

    outcome: str
    detail: str
    is_done: bool


def read_command(
    station: Station, word: str, arguments: Sequence[str]
) -> tuple[Any, Command]:
    """Return the value of the actuator and its command, if it may be sent.

    Parameters
    ----------
    station
        Whom.
    word
        The command.
    arguments
        What stood behind it.

    Raises
    ------
    UsageProblem
        If there is no such command.
    Problem
        If the station must not be sent this value.
    """
    if word not in ACTUATORS:
        raise UsageProblem(
            f"there is no command {word!r}; there are: {', '.join(ACTUATORS)}"
        )
    refusals = []
    for value in _possible_values(word, " ".join(arguments)):
        try:
            return value, command_from_value(word, value, station.max_curr)
        except InvalidCommandError as error:
            refusals.append(str(error))
    raise Problem(
        f"refused: {refusals[0]}",
        f"{word} takes {ACTUATORS[word].accepts}",
        "invalid",
    )


def _possible_values(word: str, text: str) -> list[Any]:
    """Return what words of the command line may mean.

    A card's tag may look like a number, and yet is a text.
    """
    try:
        meant = json.loads(text)
    except ValueError:
        return [text]
    return [text, meant] if ACTUATORS[word].is_text else [meant]


def proof_in_words(command: Command) -> str:
    """Say how the command's effect will be seen."""
    expected = command.expected_fields()
    if not expected:
        return "nothing can prove its effect: look at the station"
    fields = ", ".join(f"{key} = {value}" for key, value in expected.items())
    return f"report 2 will be read for {fields}"


# --- directly ----------------------------------------------------------------


def send_directly(
    settings: ToolSettings,
    name: str,
    station: Station,
    command: Command,
    tell: Tell,
) -> Result:
    """Send a command to a station and watch what becomes of it.

    Parameters
    ----------
    settings
        Of the connector.
    name, station
        Whom.
    command
        What.
    tell
        Called with a line of text for each thing that happens.

    Raises
    ------
    PortTaken
        If another program on this host has KEBA's port.
    Problem
        If the station cannot be reached, or is another one.
    """
    with Line(settings.keba_p30_bind_address, settings.keba_p30_port):
        # Only to see whether the port is free, and to say so in our words.
        pass
    gateway = Gateway(
        {name: station.host},
        options=StationOptions(
            # Report 1 tells whether it is the right station. Report 2 is
            # asked for as the proof; polled as well it would wait for 5 s.
            reports=(1,),
            poll_interval_s=3600.0,
            reply_timeout_s=settings.keba_p30_reply_timeout,
        ),
        bind_address=settings.keba_p30_bind_address,
        port=settings.keba_p30_port,
        log=logging.getLogger("switchboard"),
    )
    gateway.open()
    try:
        _greet(gateway, station, tell)
        gateway.submit(name, command)
        tell(f">> {command}")
        return _watch(gateway, command, tell)
    finally:
        gateway.close()


def _greet(gateway: Gateway, station: Station, tell: Tell) -> None:
    """Wait for report 1, and see who it is that answers."""
    for event in _events(gateway, PATIENCE_S):
        match event:
            case ReportReceived(text=text):
                _require_serial(text, station, tell)
                return
            case ConnectionState(online=False, link=link):
                reason = link_cause(link)
                words = str(reason).replace("_", " ")
                raise Problem(
                    f"{station.host}: {words}; nothing was sent",
                    REASON_ADVICE.get(reason, ""),
                    reason,
                )
    raise Problem(f"{station.host} does not answer; nothing was sent")


def _require_serial(text: str, station: Station, tell: Tell) -> None:
    message = parse_text(text)
    fields = message.fields if isinstance(message, Report) else {}
    serial = str(fields.get("Serial", ""))
    tell(f"<< {fields.get('Product', 'a station')}, serial {serial}")
    if station.serial and serial and serial != station.serial:
        raise Problem(
            f"{station.host} has serial number {serial}, configured is "
            f"{station.serial}; nothing was sent",
            "Correct KEBA_P30_CHARGE_STATIONS; `doctor` tells more.",
            "wrong_serial",
        )


def _watch(gateway: Gateway, command: Command, tell: Tell) -> Result:
    for event in _events(gateway, PATIENCE_S):
        match event:
            case CommandAnswered(accepted=accepted, text=text):
                tell(f"<< TCH-{'OK' if accepted else 'ERR'} {text}")
            case CommandUnanswered(will_repeat=True):
                tell("   no answer; asking once more")
            case CommandFinished(
                command=finished, outcome=outcome, detail=detail
            ) if finished == command:
                return Result(outcome, detail, outcome in DONE)
    return Result(Outcome.NO_REPLY, "nothing more is heard", is_done=False)


def _events(gateway: Gateway, patience_s: float) -> Iterator[Event]:
    ends_at = time.monotonic() + patience_s
    while (left_s := ends_at - time.monotonic()) > 0:
        delivery = gateway.next_event(left_s)
        if delivery is not None:
            yield delivery.event


# --- through the running connector -------------------------------------------


def send_through_connector(
    visit: BrokerVisit, name: str, word: str, value: Any, tell: Tell
) -> Result:
    """Write the actuator as BEMCom does, and wait for the result.

    Parameters
    ----------
    visit
        The broker.
    name, word
        Station and command.
    value
        The value of the actuator.
    tell
        Called with a line of text for each thing that happens.

    Raises
    ------
    Problem
        If no connector is there, or the actuator is not active.
    """
    view = visit.look_around()
    if not view.is_online:
        raise Problem(
            f"no connector is online as {view.name}",
            "Another program has the port; `doctor` tells more.",
            "connector_off",
        )
    key = f"{name}__{word}"
    topic = view.topic_of_actuator(key)
    if topic is None:
        raise Problem(
            f"{key} is not marked as active in BEMCom",
            "Mark it as active in the AdminUI; or stop the connector, so "
            "that this program can send by itself.",
            "not_active",
        )
    result_key = f"{name}__results__{word}"
    is_visible = result_key in view.active_sensors
    before = view.readings.get(result_key)
    visit.write(topic, value)
    tell(f">> {topic} {json.dumps(value)}")
    if not is_visible:
        detail = f"mark {result_key} as active to see what becomes of it"
        return Result("sent", detail, is_done=True)
    return _wait_for_result(visit, result_key, before)


def _wait_for_result(
    visit: BrokerVisit, key: str, before: Reading | None
) -> Result:
    def has_result(view: BrokerView) -> bool:
        reading = view.readings.get(key)
        is_new = reading is not None and reading is not before
        # An older command of this kind makes room for ours.
        return is_new and view.value(key) != Outcome.SUPERSEDED

    if not visit.wait_for(has_result, CONNECTOR_PATIENCE_S):
        detail = "the connector has told no result"
        return Result(Outcome.NO_REPLY, detail, is_done=False)
    outcome, _, detail = str(visit.view.value(key)).partition(": ")
    return Result(outcome, detail, outcome in [*DONE])
