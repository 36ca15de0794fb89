import pytest

from simulator.profiles import PROFILES, Profile
from simulator.station import SimulatedStation
from simulator.tests.talking import ask

ALL = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@ALL
def test_each_station_answers_i_and_report_1(profile: Profile) -> None:
    station = SimulatedStation("garage", profile)
    info = ask(station, "i", now=0.0)
    report = ask(station, "report 1", now=10.0)
    assert info is not None
    assert report is not None
    assert info.startswith(f'"Firmware":"{profile.firmware}')
    assert f'"Product": "{profile.product}' in report


@ALL
def test_texts_fit_into_kebas_32_characters(profile: Profile) -> None:
    assert len(profile.product) <= 32
    assert len(profile.firmware) <= 32


@ALL
def test_no_reply_is_longer_than_512_bytes(profile: Profile) -> None:
    station = SimulatedStation("garage", profile)
    for number in (1, 2, 3, 100, 101):
        report = ask(station, f"report {number}", now=number * 10.0)
        assert len(report or "") <= 512
