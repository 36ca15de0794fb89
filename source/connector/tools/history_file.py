"""A file that keeps the last day of values, as JSON lines."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from queue import Empty, SimpleQueue

from connector.tools.connector_view import Reading
from connector.tools.day import History, is_shown
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem

News = SimpleQueue[tuple[str, Reading]]
"""Keys and readings, handed over from the thread that hears them."""

FEWEST_TO_REWRITE = 1000
"""Lines that may be appended before those of yesterday leave the file."""


def load_values(lines: Iterable[str], history: History) -> None:
    """Read values as `replay` writes them, one JSON object in each line.

    Raises
    ------
    UsageProblem
        If a line is none.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            history.add(
                str(entry["key"]), int(entry["timestamp"]), entry["value"]
            )
        except (ValueError, TypeError, KeyError):
            raise UsageProblem(
                f"line {number} is no value; each line must look like "
                '{"timestamp": 1795343453078, "key": "garage__report 3__P", '
                '"value": 0}'
            ) from None


class HistoryFile:
    """Keeps what happens in a file, so that a restart forgets nothing.

    Parameters
    ----------
    path
        The file; None keeps nothing.
    history
        What it holds is put in here; older entries leave the file.

    Raises
    ------
    Problem
        If the file cannot be read or written.
    """

    def __init__(self, path: Path | None, history: History) -> None:
        self._path = path
        self._history = history
        self._kept = self._appended = 0
        if path is None:
            return
        try:
            if path.exists():
                with path.open(encoding="utf-8") as lines:
                    load_values(filter(_is_whole, lines), history)
        except OSError as error:
            raise Problem(f"{path}: {error.strerror}") from None
        self._rewrite(path)

    def add(self, news: News) -> None:
        """Take all that has come until now into history and file."""
        lines = []
        with contextlib.suppress(Empty):
            while True:
                key, reading = news.get_nowait()
                at_ms, value = reading.timestamp_ms, reading.value
                self._history.add(key, at_ms, value)
                if is_shown(key):
                    lines.append(_line(key, at_ms, value))
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as book:
            book.writelines(lines)
        self._appended += len(lines)
        # Rewritten only now and then: most additions stay cheap.
        if self._appended > max(self._kept, FEWEST_TO_REWRITE):
            self._rewrite(self._path)

    def _rewrite(self, path: Path) -> None:
        """Leave out what the history has forgotten."""
        entries = [_line(key, *sample) for key, sample in self._history.all()]
        write_whole(path, "".join(entries))
        self._kept, self._appended = len(entries), 0


def _is_whole(line: str) -> bool:
    """Tell whether a line was written to its end before the power went."""
    return line.endswith("\n")


def _line(key: str, timestamp_ms: int, value: object) -> str:
    entry = {"timestamp": timestamp_ms, "key": key, "value": value}
    return json.dumps(entry, ensure_ascii=False) + "\n"
