"""What is found reaches `<name>/diagnosis`; the connector on fake time."""

import pytest

from end_to_end.fake_time import Site
from pyconnector_template.findings import Cause
from simulator import SimulatedStation
from simulator.actions import Answer, AnswerLate, Silence
from testbed.connector_process import NAME

SOMEBODY = ("192.0.2.50", 50_000)
ROUNDS_S = 60.0


def _stations(*names: str) -> list[SimulatedStation]:
    return [SimulatedStation(name) for name in names]


def _findings(site: Site) -> list[tuple[str, str]]:
    """Return what the newest diagnosis finds, and about whom."""
    newest = site.observer.on(f"{NAME}/diagnosis")[-1].json
    return [(one["about"], one["code"]) for one in newest["findings"]]


@pytest.mark.parametrize("cause", Cause)
def test_what_the_template_finds_is_one_finding_for_ten_stations(
    cause: Cause,
) -> None:
    names = [f"station-{number}" for number in range(10)]
    with Site(*_stations(*names)) as site:
        site.connector.broker_findings.note(cause, "seen")
        site.advance(ROUNDS_S)
        assert _findings(site) == [("broker", str(cause))]

        site.connector.broker_findings.clear(cause)
        site.advance(ROUNDS_S)
        assert _findings(site) == []


def test_silence_of_all_since_the_start_names_the_host_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = ("garage", "yard", "street")
    with Site(*_stations(*names)) as site:
        for name in names:
            site.act(name, Silence())
        site.advance(ROUNDS_S)

        assert _findings(site) == [
            ("udp", "all_silent"),
            *((name, "no_reply") for name in names),
        ]
        [warning] = [
            line for line in caplog.records if line.levelname == "WARNING"
        ]
        assert warning.name == "pyconnector.udp"
        assert "no station has answered since the start" in warning.message

        for name in names:
            site.act(name, Answer())
        site.advance(ROUNDS_S)
        assert _findings(site) == []


def test_answers_after_the_timeout_are_found_until_they_are_history() -> None:
    settings = {"KEBA_P30_REPLY_TIMEOUT": "0.5"}
    with Site(*_stations("garage"), settings=settings) as site:
        site.advance(ROUNDS_S)
        site.act("garage", AnswerLate(1.0))
        site.advance(30.0)
        assert ("garage", "late_answers") in _findings(site)

        site.act("garage", Answer())
        site.advance(10 * ROUNDS_S)
        assert _findings(site) == []


def test_a_failsafe_that_somebody_else_has_armed_is_a_clue() -> None:
    (garage,) = _stations("garage")
    with Site(garage) as site:
        site.advance(ROUNDS_S)
        garage.receive(b"failsafe 600 16000 0", ROUNDS_S, SOMEBODY)
        site.advance(30.0)

        assert ("garage", "second_client") in _findings(site)


def test_a_failsafe_that_our_own_user_has_armed_is_no_clue() -> None:
    with Site(*_stations("garage")) as site:
        site.controller.select(actuators=["garage__failsafe"])
        site.advance(ROUNDS_S)
        site.controller.write("garage__failsafe", "600 16000")
        site.advance(30.0)

        assert (
            site.station("garage").point.limits.failsafe.setting.timeout_s
            == 600
        )
        assert _findings(site) == []
