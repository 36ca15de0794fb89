"""The command line, called here or as a process of its own."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from connector.tools.app import main

CLI = Path(__file__).resolve().parents[2] / "connector" / "cli.py"
NAME = "keba-test"
HERE = "127.0.3.1"
LONGEST_S = 55.0


@dataclass(frozen=True, slots=True)
class Call:
    """What a call of the command line gave.

    Parameters
    ----------
    exit_code
        0 fine, 1 findings or refused, 2 usage.
    out, err
        What it wrote.
    """

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote, as a machine reads it."""
        return json.loads(self.out)

    def verdict(self, station: str) -> str:
        """Return what `doctor --json` says of a station."""
        return str(self.json["stations"][station]["verdict"])

    def codes(self, section: str) -> set[str]:
        """Return all codes of `doctor --json` in a section."""
        content = self.json
        found = content.get(section) or content["stations"][section]
        return {one["code"] for one in found["findings"] if one["code"]}


class CommandLine:
    """The command `keba`, configured by environment.

    A call runs in this process, which saves a second of starting Python each
    time. `in_a_process` and `start` run the program itself; each subcommand
    is called like that at least once.

    Parameters
    ----------
    folder
        Where it runs, far from any `.env`.
    stations
        KEBA_P30_CHARGE_STATIONS.
    settings
        Further variables.
    """

    def __init__(
        self,
        folder: Path,
        stations: Mapping[str, object] | None = None,
        **settings: object,
    ) -> None:
        self._folder = folder
        self._environment = {
            "PATH": os.environ["PATH"],
            "CONNECTOR_NAME": NAME,
            "KEBA_P30_BIND_ADDRESS": HERE,
            "KEBA_P30_CHARGE_STATIONS": json.dumps(stations or {}),
            "PYTHONUTF8": "1",
            **{name: str(value) for name, value in settings.items()},
        }
        if not stations:
            del self._environment["KEBA_P30_CHARGE_STATIONS"]

    def __call__(self, *arguments: object, stdin: str = "") -> Call:
        """Run a command to its end, in this process."""
        out, err = _stream(), _stream()
        with (
            contextlib.chdir(self._folder),
            mock.patch.dict(os.environ, self._environment, clear=True),
            mock.patch.object(sys, "argv", ["keba", *map(str, arguments)]),
            mock.patch.object(sys, "stdin", _stream(stdin)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            exit_code = _exit_code_of_main()
        return Call(exit_code, _written(out), _written(err))

    def in_a_process(self, *arguments: object, stdin: str = "") -> Call:
        """Run a command to its end, in a process of its own."""
        done = subprocess.run(
            [sys.executable, str(CLI), *map(str, arguments)],
            cwd=self._folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LONGEST_S,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Call(done.returncode, done.stdout, done.stderr)

    def start(
        self, *arguments: object, terminal: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command that runs until it is ended."""
        return subprocess.Popen(
            [sys.executable, str(CLI), *map(str, arguments)],
            cwd=self._folder,
            env=self._environment,
            stdin=terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )


def _exit_code_of_main() -> int:
    """Run the program; anything but a decent end is the test's failure."""
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


class _Bytes(io.BytesIO):
    name = "<stdin>"


def _stream(text: str = "") -> io.TextIOWrapper:
    """Return a stream as a process has it: text in front, bytes behind."""
    return io.TextIOWrapper(_Bytes(text.encode()), encoding="utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
