"""The connector as a process, stations and a broker around it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from testbed.bemcom_api import Selection
from testbed.mosquitto import DEADLINE_S, Observer, wait_until

MAIN = Path(__file__).resolve().parents[1] / "connector" / "main.py"
NAME = "keba-test"


class ConnectorProcess:
    """``python source/connector/main.py``, configured by environment.

    Parameters
    ----------
    folder
        Where its output goes, and where it runs.
    stations
        Name and address of each station.
    within
        A command that starts it, as ``unshare`` does.
    main
        The program, perhaps another version's.
    python
        What runs it.
    """

    def __init__(
        self,
        folder: Path,
        broker_port: int,
        stations: Mapping[str, object],
        *,
        bind: str = "127.0.0.1",
        within: Sequence[str] = (),
        main: str | Path = MAIN,
        python: str | Path = sys.executable,
        **settings: str,
    ) -> None:
        self._output = folder / "connector.log"
        self._folder = folder
        self._command = [*within, str(python), str(main)]
        self._environment = {
            "PATH": os.environ["PATH"],
            "CONNECTOR_NAME": NAME,
            "MQTT_BROKER_HOST": "127.0.0.1",
            "MQTT_BROKER_PORT": str(broker_port),
            "KEBA_P30_CHARGE_STATIONS": json.dumps(stations),
            "KEBA_P30_BIND_ADDRESS": bind,
            "POLL_SECONDS": "5",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                # Ctrl-C is for who has started it, and ends it then.
                start_new_session=True,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def output(self) -> str:
        return self._output.read_text("utf-8")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return exit code and seconds until the end."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        return code, time.monotonic() - started

    def wait_for_exit(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self.process.wait(DEADLINE_S)

    def wait_for_output(self, text: str) -> None:
        wait_until(lambda: text in self.output, f"the output {text!r}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running():
            self.process.kill()
        self.process.wait()


class Controller(Selection):
    """Plays BEMCom's API for tests; reads what an observer has heard."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(NAME, observer.publish)
        self._observer = observer

    def write_until_logged(self, key: str, value: Any, text: str) -> None:
        """Write an actuator until the connector has logged a text.

        It may still have to subscribe.
        """

        def is_logged() -> bool:
            if any(text in line for line in self.logs()):
                return True
            self.write(key, value)
            return False

        wait_until(is_logged, f"the log line {text!r}")

    def values(self, key: str) -> list[Any]:
        """Return all values of a sensor so far."""
        messages = self._observer.on(self.topic(key))
        return [message.json["value"] for message in messages]

    def wait_for(self, key: str, value: Any) -> None:
        self._observer.wait_for(
            self.topic(key), lambda message: message.json["value"] == value
        )

    def logs(self) -> list[str]:
        return [one.json["msg"] for one in self._observer.on(f"{NAME}/logs")]

    def wait_for_log(self, text: str) -> None:
        self._observer.wait_for(
            f"{NAME}/logs", lambda message: text in message.json["msg"]
        )
