"""The first poll, and who already waits for it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from end_to_end.conftest import Launch
from simulator import Simulator
from testbed.connector_process import ConnectorProcess, Controller
from testbed.mosquitto import wait_until

pytestmark = pytest.mark.mosquitto

STATION = {"garage": "127.0.0.2"}
KEYS = ("garage__report 1__Product", "garage__report 3__P")


def test_a_map_on_the_broker_gets_the_values_of_the_very_first_poll(
    launch: Launch, controller: Controller
) -> None:
    controller.select(*KEYS)
    with Simulator(STATION), launch(STATION, POLL_SECONDS="300"):
        wait_until(lambda: all(map(controller.values, KEYS)), "both values")


AS_PROCESS_1 = ("unshare", "--pid", "--fork", "--kill-child")

# Imported by the connector instead of the real one: tells who imports it, by
# the number that processes outside know, and lets the imports never end.
ENDLESS_IMPORT = """
import os, time
print("importing in process", os.readlink("/proc/self"), flush=True)
time.sleep(60)
"""


def _can_be_process_1() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    attempt = subprocess.run(
        [*AS_PROCESS_1, "true"], check=False, capture_output=True
    )
    return attempt.returncode == 0


@pytest.mark.parametrize("within", [(), AS_PROCESS_1], ids=["", "process 1"])
def test_a_signal_amid_the_imports_ends_it_with_exit_code_0(
    tmp_path: Path, within: tuple[str, ...]
) -> None:
    if within and not _can_be_process_1():
        pytest.skip("this machine lets nobody be process 1")
    (tmp_path / "dotenv.py").write_text(ENDLESS_IMPORT, "utf-8")
    with ConnectorProcess(
        tmp_path, 1, STATION, within=within, PYTHONPATH=str(tmp_path)
    ) as connector:
        connector.wait_for_output("\n")
        told = connector.output
        assert told.startswith("importing")

        os.kill(int(told.split()[-1]), signal.SIGTERM)

        assert connector.wait_for_exit() == 0
        assert connector.output == told
