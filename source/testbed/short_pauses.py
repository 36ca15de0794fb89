"""A connector process whose waiting is short, where real time proves nothing.

KEBA wants five seconds between equal reports, so a test that waits for three
polls would wait for fifteen. What is shortened here are constants of our own,
not settings: no user may do that to a station.
"""

from pathlib import Path

from connector.keba.station import failsafe, pacing
from pyconnector_template.mqtt import link

REPEAT_PAUSE_S = 0.5
"""Instead of KEBA's between equal reports, and so between two polls."""

RETRY_S = 0.2
"""Between two attempts to connect to the broker."""

KEEPALIVES_PER_TIMEOUT = 30
"""KEBA's shortest failsafe timeout is ten seconds."""

SOURCE = Path(__file__).resolve().parents[1]

# Python runs a module of this name before anything else, thus before others
# import the constants.
_HOOK = "from testbed.short_pauses import shorten\nshorten()\n"


def settings_for(folder: Path) -> dict[str, str]:
    """Return variables for a connector process with short pauses.

    The hook is added to what another one has written in the folder.
    """
    with (folder / "sitecustomize.py").open("a", encoding="utf-8") as file:
        file.write(_HOOK)
    return {
        "PYTHONPATH": f"{folder}:{SOURCE}",
        "POLL_SECONDS": str(REPEAT_PAUSE_S),
    }


def shorten() -> None:
    """Shorten the pauses of this process."""
    pacing.REPEAT_PAUSE_S = REPEAT_PAUSE_S
    failsafe.KEEPALIVES_PER_TIMEOUT = KEEPALIVES_PER_TIMEOUT
    link.RETRY_S = RETRY_S
