"""`watch`: the stations as they are now, from MQTT.

The screen is drawn with Rich and a few keys, not by a framework for terminal
applications: Textual takes a second more to start, and 20 MiB of the 128 that
the container has.
"""

import contextlib
import signal
from collections.abc import Callable
from typing import Annotated

import typer
from rich.live import Live

from connector.tools import terminal
from connector.tools.broker_client import BrokerClient
from connector.tools.connector_view import ConnectorView
from connector.tools.figures import now_ms
from connector.tools.keys import QUIT, pressed_keys
from connector.tools.overview import notices_of, summaries_of
from connector.tools.overview_screen import Scene, moved, screen_of, whole_of
from connector.tools.problems import EXIT_FINDINGS
from connector.tools.terminal import AsJson
from connector.tools.tool_settings import (
    ToolSettings,
    tool_settings,
)

REFRESH_S = 0.5

INTERVALS_UNTIL_OLD = 2
SLACK_S = 5.0
"""A slow round may take so much longer."""


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

        def look() -> Scene:
            return broker.read(lambda view: _scene(settings, broker, view))

        broker.look_around()
        if not (once or as_json) and terminal.has_screen():
            _watch_live(look)
            return
        scene = look()
    if as_json:
        _print_json(scene)
    else:
        terminal.print_table(whole_of(scene, terminal.table_width()))
    all_online = all(one.connection == "ok" for one in scene.stations)
    if scene.trouble or not scene.stations or not all_online:
        raise typer.Exit(EXIT_FINDINGS)


def _scene(
    settings: ToolSettings, broker: BrokerClient, view: ConnectorView
) -> Scene:
    interval_s = settings.poll_seconds * settings.publish_unchanged_every
    return Scene(
        title=f"{view.name} {view.version}".strip(),
        stations=summaries_of(view),
        now_ms=now_ms(),
        old_after_ms=(INTERVALS_UNTIL_OLD * interval_s + SLACK_S) * 1000,
        trouble=broker.trouble(),
        notices=notices_of(view),
    )


def _print_json(scene: Scene) -> None:
    terminal.print_json([one.as_json() for one in scene.stations])
    screen = terminal.console(stderr=True)
    for text in (scene.trouble, *(row.text for row in scene.notices)):
        if text:
            screen.print(text, markup=False)


def _watch_live(look: Callable[[], Scene]) -> None:
    # Else the terminal would stay as it is while it shows this.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    selected: str | None = None
    console = terminal.console()
    with (
        contextlib.suppress(KeyboardInterrupt),
        pressed_keys() as keys,
        Live(console=console, screen=True, auto_refresh=False) as full,
    ):
        while True:
            scene = look()
            content, per_page = screen_of(scene, *console.size, selected)
            full.update(content, refresh=True)
            for key in keys(REFRESH_S):
                if key == QUIT:
                    return
                selected = moved(scene.stations, selected, key, per_page)
