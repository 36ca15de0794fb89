"""Writes the snapshots of all recordings; look at the diff before you commit.

Run in the folder `source`: ``python -m connector.tests.make_snapshots``
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from connector.bemcom.raw_messages import parse_raw_message
from connector.keba.protocol.messages import parse_text
from testbed.recordings import Recording, all_recordings

COMMAND = "python -m connector.tests.make_snapshots"


def main() -> None:
    """Write one snapshot beside each recording."""
    for recording in all_recordings():
        recording.snapshot_path.write_text(snapshot_of(recording), "utf-8")
        sys.stdout.write(f"{recording.snapshot_path.name}\n")


def snapshot_of(recording: Recording) -> str:
    """Return what the readers make of a recording, for people and `diff`."""
    entries = {
        request: _entry(request, text)
        for request, text in recording.datagrams.items()
    }
    return json.dumps(entries, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _entry(request: str, text: str) -> dict[str, Any]:
    """Name the message; fields that become datapoints stand in `values`."""
    message = parse_text(text)
    entry = {"message": type(message).__name__, **asdict(message)}
    values = parse_raw_message({"station": {request: text}}).get("station")
    if values is not None:
        entry["values"] = values
        del entry["fields"]
    return entry


if __name__ == "__main__":
    main()
