"""`send`: one command to one station, and what became of it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import typer

from connector.bemcom.actuators import ACTUATORS, command_from_value
from connector.diagnosis.models import lacks
from connector.diagnosis.remedies import what_next
from connector.keba.io.gateway import Gateway
from connector.keba.protocol.commands import Command, InvalidCommandError
from connector.keba.station.events import (
    GOOD_OUTCOMES,
    CommandAnswered,
    CommandFinished,
    CommandUnanswered,
    Outcome,
)
from connector.settings import Station
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient, instead_of_port
from connector.tools.connector_view import ConnectorView
from connector.tools.problems import (
    EXIT_FINDINGS,
    EXIT_UNKNOWN,
    Problem,
    UsageProblem,
)
from connector.tools.stations import (
    PATIENCE_S,
    PortTaken,
    await_identity,
    deliveries,
    fields_of,
    open_gateway,
)
from connector.tools.terminal import Tell
from connector.tools.tool_settings import (
    StationName,
    ToolSettings,
    chosen_stations,
    require_commands_allowed,
    tool_settings,
)

SENT = "sent"
"""The outcome where nothing tells the outcome."""

Fields = Mapping[str, object]
Result = tuple[str, str]
"""One word, as in ``results__<command>``, and what explains it."""

Send = Callable[[Command, Any, Tell], Result]
"""What sends a command, or the value that an actuator makes it of."""


def read_command(
    station: Station, word: str, arguments: Sequence[str]
) -> tuple[Any, Command]:
    """Return the value of the actuator and its command, if it may be sent."""
    if word not in ACTUATORS:
        raise UsageProblem(
            f"there is no command {word!r}; there are: {', '.join(ACTUATORS)}"
        )
    text = " ".join(arguments)
    try:
        values = [json.loads(text)]
    except ValueError:
        values = [text]
    if ACTUATORS[word].is_text:
        # A card's tag may look like a number, and yet is a text.
        values.insert(0, text)
    refusals = []
    for value in values:
        try:
            return value, command_from_value(word, value, station.max_curr)
        except InvalidCommandError as error:
            refusals.append(str(error))
    raise Problem(
        f"refused: {refusals[0]}",
        f"{word} takes {ACTUATORS[word].accepts}",
        "invalid",
    )


def proof_in_words(command: Command) -> str:
    """Say how the command's effect will be seen."""
    expected = command.expected_fields()
    if not expected:
        return "nothing can prove its effect: look at the station"
    fields = ", ".join(f"{key} = {value}" for key, value in expected.items())
    return f"report 2 will be read for {fields}"


def send_directly(
    gateway: Gateway, name: str, command: Command, _value: Any, tell: Tell
) -> Result:
    """Send a command and watch what becomes of it."""
    gateway.submit(name, command)
    tell(f">> {command}")
    for delivery in deliveries(gateway, time.monotonic() + PATIENCE_S):
        match delivery.event:
            case CommandAnswered(accepted=accepted, text=text):
                tell(f"<< TCH-{'OK' if accepted else 'ERR'} {text}")
            case CommandUnanswered(will_repeat=True):
                tell("   no answer; asking once more")
            case CommandFinished(
                command=finished, outcome=outcome, detail=detail
            ) if finished == command:
                return outcome, detail
    return Outcome.NO_REPLY, "nothing more is heard"


def topic_of(broker: BrokerClient, key: str) -> str:
    """Return where the running connector takes values of an actuator."""
    view = broker.look_for_connector()
    if not view.is_online:
        raise Problem(
            f"no connector is online as {view.name}",
            "Another program has the port; `doctor` tells more.",
            "connector_off",
        )
    topic = view.active_actuators.get(key)
    if topic is None:
        raise Problem(
            f"{key} is not marked as active in BEMCom",
            "Mark it as active in the AdminUI; or stop the connector, so "
            "that this program can send by itself.",
            "not_active",
        )
    return topic


def send_through_connector(
    broker: BrokerClient,
    topic: str,
    name: str,
    command: Command,
    value: Any,
    tell: Tell,
) -> Result:
    """Write the actuator as BEMCom does, and wait for the result."""
    key = f"{name}__results__{command.word}"
    view = broker.view
    before, fields = view.reading(key), view.fields_of(name)
    broker.write(topic, value)
    tell(f">> {topic} {json.dumps(value)}")

    def has_result(view: ConnectorView) -> bool:
        reading = view.reading(key)
        if reading is None or reading is before or reading.is_retained:
            # What is retained is of an earlier command.
            return False
        # An older command of this kind makes room for ours.
        return bool(reading.value != Outcome.SUPERSEDED)

    def shows_it(view: ConnectorView) -> bool | None:
        return command.is_shown_by(view.fields_of(name))

    if key in view.active_sensors:
        if not broker.wait_for(has_result, PATIENCE_S):
            return Outcome.NO_REPLY, "the connector has told no result"
        outcome, _, detail = str(view.value(key)).partition(": ")
        return outcome, detail
    # What was so before proves nothing.
    was_otherwise = command.is_shown_by(fields) is False
    if was_otherwise and broker.wait_for(shows_it, PATIENCE_S):
        return Outcome.APPLIED, "the connector's diagnosis shows it"
    return SENT, f"mark {key} as active to see what becomes of it"


def way_to(
    stack: ExitStack,
    settings: ToolSettings,
    name: str,
    station: Station,
    word: str,
    tell: Tell,
) -> tuple[Fields, Send]:
    """Reach a station: directly, or through who has the port.

    Returns what the station says of itself, and what sends to it.
    """
    try:
        gateway = stack.enter_context(open_gateway(settings, {name: station}))
    except PortTaken as taken:
        broker = stack.enter_context(instead_of_port(settings, taken))
        tell(f"{taken.text}: it goes through the running connector")
        topic = topic_of(broker, f"{name}__{word}")
        fields = broker.view.fields_of(name)
        return fields, partial(send_through_connector, broker, topic, name)
    try:
        with terminal.working(f"asking {station.host}"):
            text = await_identity(gateway, name, station.host)
    except Problem as problem:
        problem.text = f"{problem.text}; nothing was sent"
        raise
    return fields_of(text), partial(send_directly, gateway, name)


# --- the command --------------------------------------------------------------

# A list in Markdown: an item is a paragraph of the epilog.
EPILOG = "Commands:\n\n" + "\n\n".join(
    f"* **{actuator.word}** – {actuator.meaning}: {actuator.accepts}"
    for actuator in ACTUATORS.values()
)


def complete_word(incomplete: str) -> list[str]:
    """Return the commands that begin like this, for the shell."""
    return [word for word in ACTUATORS if word.startswith(incomplete)]


def command(
    station: StationName,
    word: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND",
            help=f"One of {', '.join(ACTUATORS)}.",
            autocompletion=complete_word,
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VALUE",
            help="What the command takes; null where it may be.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it, send nothing.")
    ] = False,
    yes: terminal.Yes = False,
    as_json: terminal.AsJson = False,
) -> None:
    """Send one command, and see what the station made of it.

    The value is checked, shown and confirmed; afterwards report 2 is read,
    because the station's TCH-OK means received, not done. When the running
    connector holds the port, the command goes through it.

    Exit codes: 0 the station took it, 1 it did not or nothing was sent,
    2 the call or the settings are wrong, 3 nobody knows what became of it.

    Example: `keba send garage curr 16000`, `keba send garage ena 0 --yes`
    """
    settings = tool_settings()
    [(name, target)] = chosen_stations(settings, [station]).items()
    value, checked = read_command(target, word, arguments or [])
    tell = terminal.line_printer(terminal.console(stderr=as_json))
    place = terminal.place_in_words(name, target.host)
    tell(f"{place}: {checked}; {proof_in_words(checked)}")
    if dry_run:
        tell("nothing is sent: --dry-run")
        if as_json:
            terminal.print_json({"datagram": str(checked), "sent": False})
        return
    require_commands_allowed(settings)
    terminal.require_somebody_to_ask(is_confirmed=yes)
    with ExitStack() as stack:
        fields, send = way_to(stack, settings, name, target, word, tell)
        product = fields.get("Product", "a station")
        tell(f"<< {product}, serial {fields.get('Serial', '?')}")
        warning = lacks(word, fields)
        if warning:
            screen = terminal.console(stderr=True)
            screen.print(f"! {warning}", style="bold yellow", markup=False)
        terminal.confirm(f"Send `{checked}` to {name}?", is_confirmed=yes)
        with terminal.working(f"waiting for {name}", tell) as tell_meanwhile:
            outcome, detail = send(checked, value, tell_meanwhile)
    exit_code, style = EXIT_FINDINGS, "bold red"
    if outcome in GOOD_OUTCOMES:
        exit_code, style = 0, "bold green"
    elif outcome in (Outcome.NO_REPLY, SENT):
        exit_code, style = EXIT_UNKNOWN, "bold yellow"
    advice = what_next(word, outcome, station)
    if as_json:
        terminal.print_json(
            {
                "datagram": str(checked),
                "sent": True,
                "outcome": outcome,
                "detail": detail,
                "warning": warning,
                "advice": advice,
            }
        )
    else:
        words = ": ".join(filter(None, (outcome.replace("_", " "), detail)))
        screen = terminal.console()
        screen.print(words, style=style, markup=False)
        if advice:
            screen.print(advice, markup=False)
    if exit_code:
        raise typer.Exit(exit_code)
