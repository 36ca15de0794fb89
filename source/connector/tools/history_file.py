"""What comes in from MQTT, and a file that keeps a day of it."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from queue import SimpleQueue

from connector.bemcom.actuators import ACTUATORS, FLEET
from connector.bemcom.keys import split_key
from connector.keba.station.events import Outcome
from connector.tools.connector_view import Reading
from connector.tools.day import RESULTS, History, Sample
from connector.tools.figures import is_moment, now_ms
from connector.tools.files import write_whole
from connector.tools.problems import Problem, UsageProblem

FEWEST_TO_REWRITE = 1000
"""Lines that may be appended before those of yesterday leave the file."""


def load_values(lines: Iterable[str], history: History) -> None:
    """Read values as `replay` writes them, one JSON object in each line.

    Of a value that was told again there may be ``until``, the last time.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            history.add(
                str(entry["key"]),
                _moment(entry["timestamp"]),
                entry["value"],
                _moment(entry.get("until", 0)),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UsageProblem(
                f"line {number} is no value; each line must look like "
                '{"timestamp": 1795343453078, "key": "garage__report 3__P", '
                '"value": 0}'
            ) from None


def _moment(value: object) -> int:
    if not is_moment(value):
        raise ValueError(value)
    return int(value)


class News:
    """Hands over what one thread hears to another one.

    To the result of a command it adds the value that was commanded, at the
    same time: clocks of who commands and who answers may differ.
    """

    def __init__(self) -> None:
        self._received: SimpleQueue[tuple[str, int, object]] = SimpleQueue()
        self._commands: deque[tuple[str, str, object]] = deque(maxlen=200)

    def receive(self, key: str, reading: Reading) -> None:
        """Take a value; those written to actuators are commands."""
        station, name = split_key(key)
        if name in ACTUATORS:
            if not reading.is_retained:
                self._commands.append((station, name, reading.value))
            return
        # What is ahead of our clock would make the history forget the rest.
        at_ms, value = min(reading.timestamp_ms, now_ms()), reading.value
        word = name.removeprefix(RESULTS)
        if word != name and not reading.is_retained:
            commanded = self._commanded(station, word, value)
            if commanded is not None:
                self._received.put((f"{station}__{word}", at_ms, commanded))
        self._received.put((key, at_ms, value))

    def take(self) -> Iterator[tuple[str, int, object]]:
        """Yield key, moment and value of all that has come until now."""
        while not self._received.empty():
            yield self._received.get()

    def _commanded(
        self, station: str, word: str, outcome: object
    ) -> str | None:
        """Return the value that a result is about, if it was heard."""
        values = [
            value if isinstance(value, str) else json.dumps(value)
            for whose, what, value in self._commands
            if whose in (station, FLEET) and what == word
        ]
        if outcome == Outcome.SUPERSEDED:
            # The newest is the one that has superseded it.
            del values[-1:]
        return values[-1] if values else None


class HistoryFile:
    """Keeps what happens in a file, so that a restart forgets nothing.

    What it holds is put into the history; older entries leave the file.
    Without a path nothing is kept.
    """

    def __init__(self, path: Path | None, history: History) -> None:
        self._path = path
        self._history = history
        self._kept = self._appended = 0
        if path is None:
            return
        try:
            if path.exists():
                with path.open(encoding="utf-8", errors="replace") as lines:
                    load_values(filter(_is_whole, lines), history)
        except OSError as error:
            raise Problem(f"{path}: {error.strerror}") from None
        self._rewrite(path)

    def add(self, news: News) -> None:
        """Take all that has come until now into history and file."""
        # One line for all the times that the same was told meanwhile.
        lines = {}
        for key, at_ms, value in news.take():
            sample = self._history.add(key, at_ms, value)
            if sample is not None:
                lines[key, sample.at_ms] = _line(key, sample)
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as book:
                book.writelines(lines.values())
        except OSError as error:
            raise Problem(f"{self._path}: {error.strerror}") from None
        self._appended += len(lines)
        # Rewritten only now and then: most additions stay cheap.
        if self._appended > max(self._kept, FEWEST_TO_REWRITE):
            self._rewrite(self._path)

    def _rewrite(self, path: Path) -> None:
        """Leave out what the history has forgotten."""
        entries = [_line(key, sample) for key, sample in self._history.all()]
        write_whole(path, "".join(entries))
        self._kept, self._appended = len(entries), 0


def _is_whole(line: str) -> bool:
    """Tell whether a line was written to its end before the power went."""
    return line.endswith("\n")


def _line(key: str, sample: Sample) -> str:
    entry = {"timestamp": sample.at_ms, "key": key, "value": sample.value}
    if sample.until_ms > sample.at_ms:
        entry["until"] = sample.until_ms
    return json.dumps(entry, ensure_ascii=False) + "\n"
