"""`send`: one command to one station, and what became of it."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import Command, InvalidCommandError
from connector.keba.protocol.messages import Report, parse_text
from connector.keba.station.events import (
    GOOD_OUTCOMES,
    CommandAnswered,
    CommandFinished,
    CommandUnanswered,
    Outcome,
)
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView, Reading
from connector.tools.problems import EXIT_FINDINGS, Problem, UsageProblem
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    await_identity,
    deliveries,
    open_gateway,
)
from connector.tools.terminal import AsJson, Yes, confirm
from connector.tools.tool_settings import (
    ToolSettings,
    chosen_stations,
    tool_settings,
)

CONNECTOR_PATIENCE_S = PATIENCE_S

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

    Raises
    ------
    PortTaken
        If another program on this host has KEBA's port.
    Problem
        If the station cannot be reached, or is another one.
    """
    serials = {name: station.serial} if station.serial else {}
    hosts = {name: station.host}
    with open_gateway(settings, hosts, serials=serials) as gateway:
        try:
            text = await_identity(gateway, name, station.host)
        except Problem as problem:
            problem.text = f"{problem.text}; nothing was sent"
            raise
        tell(f"<< {_identity_in_words(text)}")
        gateway.submit(name, command)
        tell(f">> {command}")
        return _watch(gateway, command, tell)


def _identity_in_words(text: str) -> str:
    message = parse_text(text)
    fields = message.fields if isinstance(message, Report) else {}
    product = fields.get("Product", "a station")
    return f"{product}, serial {fields.get('Serial', '?')}"


def _watch(gateway: Gateway, command: Command, tell: Tell) -> Result:
    for delivery in deliveries(gateway, time.monotonic() + PATIENCE_S):
        match delivery.event:
            case CommandAnswered(accepted=accepted, text=text):
                tell(f"<< TCH-{'OK' if accepted else 'ERR'} {text}")
            case CommandUnanswered(will_repeat=True):
                tell("   no answer; asking once more")
            case CommandFinished(
                command=finished, outcome=outcome, detail=detail
            ) if finished == command:
                return Result(outcome, detail, outcome in GOOD_OUTCOMES)
    return Result(Outcome.NO_REPLY, "nothing more is heard", is_done=False)


# --- through the running connector -------------------------------------------


def send_through_connector(
    broker: BrokerClient, name: str, word: str, value: Any, tell: Tell
) -> Result:
    """Write the actuator as BEMCom does, and wait for the result.

    Raises
    ------
    Problem
        If no connector is there, or the actuator is not active.
    """
    view = broker.look_around()
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
    broker.write(topic, value)
    tell(f">> {topic} {json.dumps(value)}")
    if not is_visible:
        detail = f"mark {result_key} as active to see what becomes of it"
        return Result("sent", detail, is_done=True)
    return _wait_for_result(broker, result_key, before)


def _wait_for_result(
    broker: BrokerClient, key: str, before: Reading | None
) -> Result:
    def has_result(view: ConnectorView) -> bool:
        reading = view.readings.get(key)
        if reading is None or reading is before or reading.is_retained:
            # What is retained is of an earlier command.
            return False
        # An older command of this kind makes room for ours.
        return bool(reading.value != Outcome.SUPERSEDED)

    if not broker.wait_for(has_result, CONNECTOR_PATIENCE_S):
        detail = "the connector has told no result"
        return Result(Outcome.NO_REPLY, detail, is_done=False)
    outcome, _, detail = str(broker.view.value(key)).partition(": ")
    return Result(outcome, detail, outcome in GOOD_OUTCOMES)


# --- the command ----------------------------------------------------------

EPILOG = "Commands:\n\n" + "\n\n".join(
    f"**{actuator.word}** {actuator.meaning}: {actuator.accepts}"
    for actuator in ACTUATORS.values()
)


def command(
    station: Annotated[
        str, typer.Argument(help="Name of a station, or its address.")
    ],
    word: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND", help=f"One of {', '.join(ACTUATORS)}."
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="What the command takes; null where it may be."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, send nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send one command, and see what the station made of it.

    The value is checked, shown and confirmed; afterwards report 2 is read,
    because the station's TCH-OK means received, not done. When the running
    connector holds the port, the command goes through it.

    Example: `keba send garage curr 16000`, `keba send garage ena 0 --yes`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    value, checked = read_command(target, word, arguments or [])
    tell = _line_printer(is_silent=as_json)
    tell(f"{name} ({target.host}): {checked}; {proof_in_words(checked)}")
    if dry_run:
        tell("nothing is sent: --dry-run")
        if as_json:
            terminal.print_json({"datagram": str(checked), "sent": False})
        return
    if settings.read_only:
        raise Problem(
            "nothing is sent: READ_ONLY is TRUE",
            "Set READ_ONLY=FALSE to let commands pass.",
            "read_only",
        )
    confirm(f"Send `{checked}` to {name}?", is_confirmed=yes)
    result = _send(settings, name, target, checked, value, tell)
    if as_json:
        terminal.print_json(
            {
                "datagram": str(checked),
                "sent": True,
                "outcome": result.outcome,
                "detail": result.detail,
            }
        )
    else:
        _show_result(result)
    if not result.is_done:
        raise typer.Exit(EXIT_FINDINGS)


def _send(
    settings: ToolSettings,
    name: str,
    target: Station,
    command: Command,
    value: Any,
    tell: Callable[[str], None],
) -> Result:
    try:
        return send_directly(settings, name, target, command, tell)
    except PortTaken as problem:
        if not settings.mqtt_broker_host:
            raise
        tell(f"{problem.text}: it goes through the running connector")
    with BrokerClient(settings) as broker:
        return send_through_connector(broker, name, command.word, value, tell)


def _show_result(result: Result) -> None:
    style = "bold green" if result.is_done else "bold red"
    detail = f": {result.detail}" if result.detail else ""
    words = result.outcome.replace("_", " ")
    terminal.console().print(f"{words}{detail}", style=style, markup=False)


def _line_printer(*, is_silent: bool) -> Callable[[str], None]:
    """Return what shows a line: beside JSON, on the other stream."""
    screen = terminal.console(stderr=is_silent)
    return lambda line: screen.print(line, markup=False, soft_wrap=True)
