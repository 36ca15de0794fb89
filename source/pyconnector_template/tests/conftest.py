"""What the template's tests share."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyconnector_template.connector import Connector
from pyconnector_template.logs import LOGGER_NAME, MQTTHandler
from pyconnector_template.settings import TemplateSettings, settings_of
from testbed.mosquitto import DEADLINE_S, Mosquitto


class Outcome:
    """How a connector's `run` ended."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.exit_code: Any = None


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    logger = logging.getLogger(LOGGER_NAME)
    for handler in list(logger.handlers):
        if isinstance(handler, MQTTHandler):
            logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    for thread in set(threading.enumerate()) - before:
        thread.join(1.0)
        assert not thread.is_alive(), f"{thread} outlives its test"


@pytest.fixture(autouse=True)
def environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> pytest.MonkeyPatch:
    """Provide a complete environment and a working directory without .env."""
    for field in settings_of(TemplateSettings):
        monkeypatch.delenv(field.upper(), raising=False)
    monkeypatch.setenv("CONNECTOR_NAME", "demo")
    monkeypatch.setenv("MQTT_BROKER_HOST", "127.0.0.1")
    monkeypatch.setenv("MQTT_BROKER_PORT", "1883")
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.fixture
def broker(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> Iterator[Mosquitto]:
    """Provide a running Mosquitto that the environment points to."""
    with Mosquitto(tmp_path) as mosquitto:
        environment.setenv("MQTT_BROKER_PORT", str(mosquitto.port))
        yield mosquitto


@contextmanager
def running(connector: Connector) -> Iterator[Outcome]:
    """Run a connector in a thread; stop it at the end."""
    outcome = Outcome()

    def run() -> None:
        try:
            connector.run()
        except SystemExit as error:
            outcome.exit_code = error.code
        finally:
            outcome.ended.set()

    thread = threading.Thread(target=run, name="main of the connector")
    thread.start()
    try:
        yield outcome
    finally:
        connector.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), "run did not return"
