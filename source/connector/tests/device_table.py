"""The README's table of devices, made from the recordings.

``python -m connector.tests.device_table`` writes it, a test compares.
"""

import re
from pathlib import Path

from connector.tests.recordings import Recording, all_recordings

README = Path(__file__).resolve().parents[3] / "README.md"

_TABLE = re.compile(
    r"(<!-- devices: .*? -->\n\n).*?(\n<!-- end of devices -->)", re.DOTALL
)


def device_table() -> str:
    """Return the table, one row for each recording that names a station."""
    rows = [
        f"| {recording.model} | {recording.firmware} "
        f"| `{recording.name}` ({recording.fidelity}) |"
        for recording in all_recordings()
        if _names_a_station(recording)
    ]
    head = ["| Product | Firmware | Recording |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def _names_a_station(recording: Recording) -> bool:
    """Leave out collections of several stations."""
    return recording.firmware != "several"


def with_table(readme: str) -> str:
    """Return the README with the table of today."""
    return _TABLE.sub(rf"\g<1>{device_table()}\g<2>", readme)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8")), "utf-8")
