"""`replay` at the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from connector.tools import replay


def command(
    files: Annotated[
        list[typer.FileText],
        typer.Argument(
            encoding="utf-8",
            help="Raw messages or captures; - is the standard input.",
        ),
    ],
    csv: Annotated[
        bool, typer.Option("--csv", help="Write CSV instead of JSON lines.")
    ] = False,
) -> None:
    """Put stored raw messages through the parser again.

    Understands raw messages of this and of the published connector, as
    mongoexport writes them, and captures of `record`. Writes one value in
    each line; the same input gives the same bytes.

    Example: `mongoexport -d bemcom_db -c keba-p30-connector | cli.py replay -
    --csv > values.csv`
    """
    messages = (
        message
        for file in files
        for message in replay.read_messages(file, Path(file.name).stem)
    )
    write = replay.write_csv if csv else replay.write_json_lines
    write(replay.values_of(messages), sys.stdout)
