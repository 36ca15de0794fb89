"""KEBA's long pauses, made short on both sides."""

import pytest

from connector.keba.station import pacing, requests
from simulator import pauses

BETWEEN_EQUAL_REPORTS_S = 1.25
AFTER_STOP_S = 0.5


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tools keep, and the stations demand, a quarter of KEBA's pauses.

    That the tools keep the true ones is shown on fake time, by the tests of
    what decides when to send. Processes of their own keep the true ones too.
    """
    for module in (pacing, requests):
        monkeypatch.setattr(module, "REPEAT_PAUSE_S", BETWEEN_EQUAL_REPORTS_S)
    monkeypatch.setattr(
        pauses, "BETWEEN_EQUAL_REPORTS_S", BETWEEN_EQUAL_REPORTS_S
    )
    monkeypatch.setattr(pacing, "DISABLING_PAUSE_S", AFTER_STOP_S)
    monkeypatch.setattr(pauses, "AFTER_STOP_S", AFTER_STOP_S)
