"""The command line as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """``python source/connector/cli.py``, configured by environment.

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
        """Run a command to its end."""
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

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command that runs until it is ended."""
        return subprocess.Popen(
            [sys.executable, str(CLI), *map(str, arguments)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
