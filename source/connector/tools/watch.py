"""`watch`: the stations as they are now, from MQTT.

The screen is drawn with Rich and a few keys, not by a framework for terminal
applications: Textual takes a second more to start, and 20 MiB of the 128 that
the container has.
"""

import contextlib
import signal
import time
from typing import Annotated

import typer
from rich.console import Group

from connector.diagnosis.causes import Severity
from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.examination import rows_of_broker
from connector.tools.figures import age_in_words, now_ms
from connector.tools.keys import QUIT, pressed_keys
from connector.tools.overview import (
    Order,
    Summary,
    summaries_of,
    summary_as_json,
)
from connector.tools.overview_screen import (
    Scene,
    moved,
    screen_of,
    whole_of,
)
from connector.tools.problems import EXIT_FINDINGS
from connector.tools.station_rows import Row, rows_by_subject
from connector.tools.terminal import AsJson
from connector.tools.tool_settings import (
    ToolSettings,
    tool_settings,
)

FIRST_LOOK_S = 1.0
"""After this it shows what there is."""

REFRESH_S = 0.5

BROKER_PATIENCE_S = 1.0

INTERVALS_UNTIL_OLD = 2
SLACK_S = 5.0
"""A slow round may take so much longer."""

FIRST_HEARTBEAT_S = 30.0
"""What BEMCom's template takes for the interval, until one has told."""
HEARTBEAT_SLACK_S = 1.0

_OLD = "what follows is old"


class Presence:
    """Whether anything new comes in: from the broker, from the connector.

    Parameters
    ----------
    where
        Address and port of the broker.
    now_s
        The moment, in s of a monotonic clock.
    """

    def __init__(self, where: str, now_s: float) -> None:
        self._where = where
        self._lost_at: float | None = None
        self._heartbeat: tuple[int, int] | None = None
        self._is_due_at = now_s + FIRST_HEARTBEAT_S

    def trouble(
        self, view: ConnectorView, now_s: float, broker_silence_s: float
    ) -> str:
        """Return why nothing new comes in; empty while it does."""
        if broker_silence_s > BROKER_PATIENCE_S:
            return self._broker_lost(now_s)
        self._note_heartbeat(view, now_s)
        if view.is_online is None and view.has_map:
            return f"nothing tells yet whether {view.name} is online"
        if not view.is_online:
            return (
                f"no connector is online as {view.name}: start it, or read "
                f"in its log why it ended; {_OLD}"
            )
        silent_s = now_s - self._is_due_at
        if silent_s > HEARTBEAT_SLACK_S:
            return (
                f"no heartbeat of {view.name}: one was due "
                f"{age_in_words(silent_s)}; {_OLD}"
            )
        return ""

    def _broker_lost(self, now_s: float) -> str:
        if self._lost_at is None:
            self._lost_at = now_s
        age = age_in_words(now_s - self._lost_at)
        return f"broker {self._where} lost {age}, trying again; {_OLD}"

    def _note_heartbeat(self, view: ConnectorView, now_s: float) -> None:
        """Note by our clock when the next one is due."""
        newest = view.newest_heartbeat
        if newest != self._heartbeat:
            self._heartbeat = newest
            self._is_due_at = now_s + _interval_s(newest)
        if self._lost_at is not None:
            # Meanwhile none could come.
            self._lost_at = None
            self._is_due_at = now_s + _interval_s(newest)


def _interval_s(heartbeat: tuple[int, int] | None) -> float:
    if heartbeat is None:
        return FIRST_HEARTBEAT_S
    sent_ms, promised_ms = heartbeat
    return (promised_ms - sent_ms) / 1000


class Watch:
    """Makes scenes of what the broker tells."""

    def __init__(self, settings: ToolSettings, broker: BrokerClient) -> None:
        interval_s = settings.poll_seconds * settings.publish_unchanged_every
        self._old_after_s = INTERVALS_UNTIL_OLD * interval_s + SLACK_S
        self._broker = broker
        self._presence = Presence(broker.where, time.monotonic())
        self._order = Order()

    def scene(self) -> Scene:
        """Return what there is to be shown now."""
        return self._broker.read(self._scene)

    def _scene(self, view: ConnectorView) -> Scene:
        now_s = time.monotonic()
        stations = summaries_of(view)
        return Scene(
            title=" ".join([view.name, view.version]).strip(),
            stations=self._order.arrange(stations, now_s),
            now_ms=now_ms(),
            old_after_ms=self._old_after_s * 1000,
            trouble=self._presence.trouble(
                view, now_s, self._broker.silence_s()
            ),
            notices=notices_of(view, stations),
        )


def notices_of(view: ConnectorView, stations: list[Summary]) -> list[Row]:
    """Return what was found beside the stations."""
    names = {one.station: one for one in stations}
    told = [
        row
        for about, rows in rows_by_subject(view.findings).items()
        if about not in names
        for row in rows
    ]
    seen = rows_of_broker(view, names, told)
    return [row for row in (*told, *seen) if row.severity > Severity.NOTE]


# --- the command ----------------------------------------------------------


def command(
    once: Annotated[
        bool, typer.Option("--once", help="Show the table once and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show all stations, live, from MQTT; works beside the connector.

    Who needs somebody comes first. Ends with q or Ctrl-C. With `--once` or
    `--json`, and where nothing can be drawn, it shows what is known now;
    the exit code is then 1 if a station is not online.

    Example: `keba watch --once`
    """
    settings = tool_settings()
    with BrokerClient(settings) as broker:
        view = Watch(settings, broker)
        if not (once or as_json) and terminal.has_screen():
            broker.wait_for(_has_begun, FIRST_LOOK_S)
            _watch_live(view)
            return
        broker.look_around()
        scene = view.scene()
        is_offline = broker.view.is_online is False
    if as_json:
        _print_json(scene)
    else:
        terminal.print_lines(whole_of(scene, terminal.table_width()))
    all_online = all(one.connection == "ok" for one in scene.stations)
    if is_offline or not scene.stations or not all_online:
        raise typer.Exit(EXIT_FINDINGS)


def _has_begun(view: ConnectorView) -> bool:
    return view.has_map and view.diagnosis is not None


def _print_json(scene: Scene) -> None:
    terminal.print_json([summary_as_json(one) for one in scene.stations])
    screen = terminal.console(stderr=True)
    for text in (scene.trouble, *(row.text for row in scene.notices)):
        if text:
            screen.print(text, markup=False)


def _watch_live(view: Watch) -> None:
    # Else the terminal would stay as it is while it shows this.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    selected: str | None = None
    console = terminal.console()
    with (
        contextlib.suppress(KeyboardInterrupt),
        pressed_keys() as keys,
        console.screen(hide_cursor=True) as full,
    ):
        while True:
            scene = view.scene()
            width, height = console.size
            screen = screen_of(scene, width, height, selected)
            full.update(Group(*screen.lines))
            for key in keys(REFRESH_S):
                if key == QUIT:
                    return
                selected = moved(
                    scene.stations, selected, key, screen.stations_per_page
                )
