"""Writes the snapshots of all recordings; look at the diff before you commit.

Run in the folder `source`: ``python -m connector.tests.make_snapshots``
"""

import sys

from connector.tests.recordings import all_recordings, snapshot_of

COMMAND = "python -m connector.tests.make_snapshots"


def main() -> None:
    """Write one snapshot beside each recording."""
    for recording in all_recordings():
        recording.snapshot_path.write_text(snapshot_of(recording), "utf-8")
        sys.stdout.write(f"{recording.snapshot_path.name}\n")


if __name__ == "__main__":
    main()
