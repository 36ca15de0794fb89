"""What is well is not told, and what repeats is told once, then counted."""

from collections import Counter
from random import Random

import pytest
from hypothesis import settings

from connector.diagnosis.findings import station_findings
from connector.diagnosis.site import surrounding_findings
from end_to_end.fake_time import Site
from simulator import PROFILES, SCENARIOS, SimulatedStation

HOUR_S = 3600.0
IS_THOROUGH = settings.get_current_profile_name() == "thorough"
CALM_S = HOUR_S if IS_THOROUGH else HOUR_S / 4
"""Within a quarter of an hour each station has been asked thirty times."""

LOOK_S = 60.0
REPETITIONS = 360
"""An hour of them."""

NOT_WELL = {
    "p30-dsw-off": "dip_switch_1_3_off",
    "p30-pushes-only": "needs_power_cycle",
}
"""Profiles of stations with a fault."""

WAITING = {"p30-rfid": "authorization", "p30-input": "input"}
"""Profiles that charge only when somebody shows a card, or closes X1."""


def _found(site: Site) -> set[tuple[str, str]]:
    known = site.connector._site
    findings = [*surrounding_findings(known)]
    for facts in known.stations.values():
        findings += station_findings(facts)
    return {(one.about, str(one.code)) for one in findings}


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [("idle", NOT_WELL), ("always-charging", NOT_WELL | WAITING)],
)
@pytest.mark.thorough
def test_a_calm_time_of_all_models_finds_nothing_but_the_faults(
    scenario: str, expected: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    stations = [
        SimulatedStation(
            name.replace(".", "_"),
            profile,
            scenario=SCENARIOS[scenario](Random(1)),
        )
        for name, profile in PROFILES.items()
    ]
    found: set[tuple[str, str]] = set()
    with Site(*stations, settings={"POLL_SECONDS": "30"}) as site:
        while site._network.now < CALM_S:
            site.advance(LOOK_S)
            found |= _found(site)

    assert found == {*expected.items()}
    warned = {
        record.name.removeprefix("pyconnector.")
        for record in caplog.records
        if record.levelname in ("WARNING", "ERROR")
    }
    assert warned == {*NOT_WELL}


@pytest.mark.parametrize(
    ("profile", "value"),
    [("p30-c", 16_000), ("p30-refuses", 16_000), ("p30-c", 5_000)],
    ids=["accepted", "refused by the station", "refused by us"],
)
def test_a_controller_that_repeats_itself_each_ten_seconds_writes_one_row(
    profile: str, value: int
) -> None:
    """8,640 a day would be kept for ever; after a day the number is told."""
    garage = SimulatedStation("garage", PROFILES[profile])
    with Site(garage, settings={"POLL_SECONDS": "30"}) as site:
        site.controller.select(actuators=["garage__curr"])
        site.advance(LOOK_S)
        told = len(site.controller.logs())
        for _ in range(REPETITIONS):
            site.controller.write("garage__curr", value)
            site.advance(10.0)
        rows = site.controller.logs()[told:]

    assert len(rows) == 1, Counter(rows)
