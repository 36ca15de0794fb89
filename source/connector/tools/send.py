"""`send`: one command to one station, and what became of it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from connector.tools.broker_client import LATE_S, BrokerClient, instead_of_port
from connector.tools.connector_view import ConnectorView, Reading
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
from connector.tools.terminal import (
    AsJson,
    Tell,
    Yes,
    confirm,
    line_printer,
    require_somebody_to_ask,
    working,
)
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


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command; one word as in ``results__<command>``."""

    outcome: str
    detail: str

    @property
    def exit_code(self) -> int:
        """How the program ends."""
        if self.outcome in GOOD_OUTCOMES:
            return 0
        is_known = self.outcome not in (Outcome.NO_REPLY, SENT)
        return EXIT_FINDINGS if is_known else EXIT_UNKNOWN


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


class Directly:
    """A station that this program speaks to."""

    def __init__(self, gateway: Gateway, name: str, fields: Fields) -> None:
        self.fields = fields
        self._gateway = gateway
        self._name = name

    def send(self, command: Command, _value: Any, tell: Tell) -> Result:
        """Send a command and watch what becomes of it."""
        self._gateway.submit(self._name, command)
        tell(f">> {command}")
        until = time.monotonic() + PATIENCE_S
        for delivery in deliveries(self._gateway, until):
            match delivery.event:
                case CommandAnswered(accepted=accepted, text=text):
                    tell(f"<< TCH-{'OK' if accepted else 'ERR'} {text}")
                case CommandUnanswered(will_repeat=True):
                    tell("   no answer; asking once more")
                case CommandFinished(
                    command=finished, outcome=outcome, detail=detail
                ) if finished == command:
                    return Result(outcome, detail)
        return Result(Outcome.NO_REPLY, "nothing more is heard")


@contextmanager
def _meet(
    settings: ToolSettings, name: str, station: Station
) -> Iterator[Directly]:
    """Ask a station who it is.

    Raises
    ------
    PortTaken
        If another program on this host has KEBA's port.
    Problem
        If the station cannot be reached, or is another one.
    """
    with open_gateway(settings, {name: station}) as gateway:
        try:
            with working(f"asking {station.host}"):
                text = await_identity(gateway, name, station.host)
        except Problem as problem:
            problem.text = f"{problem.text}; nothing was sent"
            raise
        yield Directly(gateway, name, fields_of(text))


# --- through the running connector -------------------------------------------


class ThroughConnector:
    """A station that the running connector speaks to.

    Raises
    ------
    Problem
        If no connector is there, or the actuator is not active.
    """

    def __init__(self, broker: BrokerClient, name: str, word: str) -> None:
        view = broker.look_around()
        if not broker.wait_for(lambda now: now.is_online, LATE_S):
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
        self.fields = view.fields_of(name)
        self._broker = broker
        self._name = name
        self._topic = topic
        self._result_key = f"{name}__results__{word}"

    def send(self, command: Command, value: Any, tell: Tell) -> Result:
        """Write the actuator as BEMCom does, and wait for the result."""
        view = self._broker.view
        before = view.readings.get(self._result_key)
        self._broker.write(self._topic, value)
        tell(f">> {self._topic} {json.dumps(value)}")
        if self._result_key in view.active_sensors:
            return self._wait_for_result(before)
        return self._wait_for_proof(command)

    def _wait_for_result(self, before: Reading | None) -> Result:
        key = self._result_key

        def has_result(view: ConnectorView) -> bool:
            reading = view.readings.get(key)
            if reading is None or reading is before or reading.is_retained:
                # What is retained is of an earlier command.
                return False
            # An older command of this kind makes room for ours.
            return bool(reading.value != Outcome.SUPERSEDED)

        if not self._broker.wait_for(has_result, PATIENCE_S):
            detail = "the connector has told no result"
            return Result(Outcome.NO_REPLY, detail)
        told = str(self._broker.view.value(key))
        outcome, _, detail = told.partition(": ")
        return Result(outcome, detail)

    def _wait_for_proof(self, command: Command) -> Result:
        """Wait until the diagnosis shows what was not so before."""
        detail = f"mark {self._result_key} as active to see what becomes of it"
        if command.is_shown_by(self.fields) is not False:
            return Result(SENT, detail)

        def shows_it(view: ConnectorView) -> bool | None:
            return command.is_shown_by(view.fields_of(self._name))

        if not self._broker.wait_for(shows_it, PATIENCE_S):
            return Result(SENT, detail)
        return Result(Outcome.APPLIED, "the connector's diagnosis shows it")


@contextmanager
def way_to(
    settings: ToolSettings, name: str, station: Station, word: str, tell: Tell
) -> Iterator[Directly | ThroughConnector]:
    """Reach a station: directly, or through who has the port.

    Raises
    ------
    Problem
        If neither is possible.
    """
    with ExitStack() as stack:
        try:
            way: Directly | ThroughConnector = stack.enter_context(
                _meet(settings, name, station)
            )
        except PortTaken as problem:
            broker = stack.enter_context(instead_of_port(settings, problem))
            tell(f"{problem.text}: it goes through the running connector")
            way = ThroughConnector(broker, name, word)
        yield way


# --- the command ----------------------------------------------------------

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
    yes: Yes = False,
    as_json: AsJson = False,
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
    tell = line_printer(terminal.console(stderr=as_json))
    place = terminal.place_in_words(name, target.host)
    tell(f"{place}: {checked}; {proof_in_words(checked)}")
    if dry_run:
        tell("nothing is sent: --dry-run")
        if as_json:
            terminal.print_json({"datagram": str(checked), "sent": False})
        return
    require_commands_allowed(settings)
    require_somebody_to_ask(is_confirmed=yes)
    with way_to(settings, name, target, word, tell) as way:
        tell(f"<< {_identity_in_words(way.fields)}")
        warning = lacks(word, way.fields)
        if warning:
            _show_warning(f"! {warning}")
        confirm(f"Send `{checked}` to {name}?", is_confirmed=yes)
        with working(f"waiting for {name}", tell) as tell_meanwhile:
            result = way.send(checked, value, tell_meanwhile)
    advice = what_next(word, result.outcome, station)
    if as_json:
        terminal.print_json(
            {
                "datagram": str(checked),
                "sent": True,
                "outcome": result.outcome,
                "detail": result.detail,
                "warning": warning,
                "advice": advice,
            }
        )
    else:
        _show_result(result, advice)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _identity_in_words(fields: Fields) -> str:
    product = fields.get("Product", "a station")
    return f"{product}, serial {fields.get('Serial', '?')}"


def _show_warning(text: str) -> None:
    screen = terminal.console(stderr=True)
    screen.print(text, style="bold yellow", markup=False)


def _show_result(result: Result, advice: str) -> None:
    styles = {0: "bold green", EXIT_UNKNOWN: "bold yellow"}
    style = styles.get(result.exit_code, "bold red")
    detail = f": {result.detail}" if result.detail else ""
    words = result.outcome.replace("_", " ")
    screen = terminal.console()
    screen.print(f"{words}{detail}", style=style, markup=False)
    if advice:
        screen.print(advice, markup=False)
