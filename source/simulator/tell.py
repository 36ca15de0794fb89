"""Tell a running simulator what is to happen, through its control socket.

python -m simulator.tell /tmp/simulator plug garage phases=1
"""

from __future__ import annotations

import argparse
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_DONE = "not done: "
"""What an answer begins with when nothing has happened."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Send one line, show the answer; return 1 if it was not done."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.tell",
        description="Let something happen to a simulated station.",
    )
    parser.add_argument("path", help="what --control has named")
    parser.add_argument("word", help="`help` lists them")
    parser.add_argument("rest", nargs="*", help="the station, what it needs")
    options = parser.parse_args(arguments)
    line = " ".join([options.word, *options.rest])
    try:
        answer = _ask(options.path, line)
    except OSError as error:
        sys.stderr.write(f"{options.path}: {error.strerror or error}\n")
        return 1
    sys.stdout.write(answer)
    return 1 if answer.startswith(NOT_DONE) else 0


def _ask(path: str, line: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        connection.sendall(f"{line}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile(encoding="utf-8") as answer:
            return answer.read()


if __name__ == "__main__":
    sys.exit(main())
