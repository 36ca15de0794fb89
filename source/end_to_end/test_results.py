"""What becomes of commands, and what stations are like, as BEMCom sees it.

The whole connector on fake time, with one of each kind of station; that the
same comes through a real broker is shown in `test_values_and_commands`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connector.bemcom.actuators import ACTUATORS
from end_to_end.fake_time import Site
from simulator import PROFILES, SimulatedStation
from simulator.actions import AnswerLate, Fail, Reboot
from testbed.connector_process import NAME

TAG = "e3f76b8d00000000"

KINDS = {
    "obeying": "p30-c",
    "ignoring": "p30-confirms-only",
    "refusing": "p30-refuses",
    "late": "p30-c",
    "rebooting": "p30-c",
    "failing": "p30-c",
    "cards": "p30-rfid",
    "meterless": "p30-de",
    "switched_off": "p30-dsw-off",
    "exchanged": "p30-c",
}
OPTIONS: dict[str, dict[str, object]] = {
    "exchanged": {"serial": "1"},
    "obeying": {"max_curr": 20_000},
}
OBEYED: dict[str, tuple[object, str]] = {
    "ena": (True, "applied"),
    "curr": (10_000, "applied"),
    "currtime": ("16000 3600", "waiting"),
    "setenergy": (100_000, "applied"),
    "output": (1, "applied"),
    "failsafe": ("600 6000", "applied"),
    "display": ("Hello KEBA", "received"),
    "setdatetime": (1_800_000_000, "received"),
    "start": ("", "received"),
    "stop": ("", "rejected: nothing to stop"),
    "x2src": (4, "applied"),
    "x2": (1, "applied"),
}
"""Values for a station that obeys, and what is told of them."""

FIRST_ROUNDS_S = 30.0
SETTLED_S = 30.0


@contextmanager
def site(*stations: str) -> Iterator[Site]:
    """Run the connector with these stations until it knows them."""
    with Site(
        *(SimulatedStation(name, PROFILES[KINDS[name]]) for name in stations),
        options=OPTIONS,
        settings={"KEBA_P30_REPLY_TIMEOUT": "0.5", "KEBA_P30_RESTORE": "TRUE"},
    ) as running:
        running.controller.select(
            *(
                f"{name}__results__{word}"
                for name in stations
                for word in ACTUATORS
            ),
            *(f"{name}__connection__reason" for name in stations),
            *(f"{name}__readings__error" for name in stations),
            actuators=[
                *(f"{name}__{word}" for name in stations for word in ACTUATORS),
                "all__curr",
            ],
        )
        running.advance(FIRST_ROUNDS_S)
        yield running


def write(site: Site, station: str, word: str, value: object) -> None:
    site.controller.write(f"{station}__{word}", value)


def results(site: Site, station: str, word: str) -> list[str]:
    """Return what was told of a command so far."""
    return site.controller.values(f"{station}__results__{word}")


def wait_for_result(site: Site, station: str, word: str, text: str) -> None:
    """Wait until something is told of a command, in these words."""
    site.wait_until(
        lambda: any(text in one for one in results(site, station, word)),
        f"{text!r} of {word} at {station}",
    )


def announced(site: Site) -> set[str]:
    """Return the sensor datapoints that BEMCom knows of by now."""
    topic = f"{NAME}/available_datapoints"
    return {*site.observer.on(topic)[-1].json["sensor"]}


# --- results -----------------------------------------------------------------


@pytest.mark.parametrize("word", OBEYED)
def test_a_station_that_obeys_is_read_back(word: str) -> None:
    with site("obeying") as here:
        # All at once: none may spoil the result of another.
        for other, (value, _) in OBEYED.items():
            write(here, "obeying", other, value)

        here.advance(SETTLED_S)

        assert results(here, "obeying", word) == [OBEYED[word][1]]


@pytest.mark.parametrize(
    ("word", "value", "reason"),
    [
        ("curr", 5999, "6000…63000 mA"),
        ("curr", 20_001, "max_curr of 20000 mA"),
        ("currtime", 20_001, "max_curr of 20000 mA"),
        ("ena", "on", "0 or 1"),
        ("failsafe", "5 6000", "10…600 s"),
        ("output", None, "0, 1 or 10…150"),
    ],
)
def test_a_value_that_must_not_be_sent_is_invalid_with_the_reason(
    word: str, value: object, reason: str
) -> None:
    with site("obeying") as here:
        write(here, "obeying", word, value)
        here.advance(SETTLED_S)

        (told,) = results(here, "obeying", word)
        assert told.startswith(f"invalid: {word}: ")
        assert reason in told
        assert here.settings_sent("obeying") == []


def test_a_station_that_confirms_and_ignores_has_not_applied() -> None:
    with site("ignoring") as here:
        write(here, "ignoring", "curr", 10_000)

        wait_for_result(here, "ignoring", "curr", "not_applied")
        here.controller.wait_for_log(
            "ignoring confirmed curr 10000, but did not apply it: "
            "wanted Curr user 10000, seen Curr user 63000"
        )


def test_a_card_starts_a_session_and_stays_out_of_the_log() -> None:
    with site("cards") as here:
        write(here, "cards", "start", TAG)

        wait_for_result(here, "cards", "start", "applied")
        assert f"start {TAG}" in here.settings_sent("cards")
        assert here.controller.logs()
        assert not any(TAG in line for line in here.controller.logs())


def test_a_station_that_answers_late_has_applied_in_the_end() -> None:
    with site("late") as here:
        here.act("late", AnswerLate(0.8))
        write(here, "late", "curr", 10_000)

        wait_for_result(here, "late", "curr", "applied")
        here.advance(SETTLED_S)
        assert here.settings_sent("late").count("curr 10000") == 1


def test_a_station_that_reboots_is_counted_and_gets_its_limit_back() -> None:
    with site("rebooting") as here:
        write(here, "rebooting", "curr", 10_000)
        wait_for_result(here, "rebooting", "curr", "applied")

        here.act("rebooting", Reboot())

        here.controller.wait_for_log("rebooting has restarted")
        here.controller.wait_for_log("rebooting is back without curr 10000")
        here.advance(SETTLED_S)
        assert here.settings_sent("rebooting").count("curr 10000") == 2
        limits = here.station("rebooting").point.limits
        assert limits.curr_user == 10_000


def test_a_command_to_all_has_its_own_result_at_each_station() -> None:
    told = {
        "meterless": "applied",
        "refusing": "rejected: not allowed now",
        "switched_off": "no_reply",
        "exchanged": "invalid: another station answers at this address",
    }
    with site(*told) as here:
        here.controller.write("all__curr", 7000)

        here.advance(SETTLED_S)

        for station, result in told.items():
            assert results(here, station, "curr") == [result], station
        for station in ("meterless", "refusing", "switched_off"):
            assert "curr 7000" in here.settings_sent(station)


# --- stations ---------------------------------------------------------------


def test_a_station_without_meter_has_no_measurements() -> None:
    with site("meterless", "obeying") as here:
        assert "meterless__report 3__P" in announced(here)
        assert "obeying__readings__energy_total" in announced(here)
        readings = {
            key.removeprefix("meterless__readings__")
            for key in announced(here)
            if key.startswith("meterless__readings__")
        }

    assert readings == {
        "state",
        "plug",
        "error",
        "limited_by",
        "not_charging_reason",
        "current_limit",
    }


def test_a_dip_switch_that_is_off_is_found_out() -> None:
    with site("switched_off") as here:
        here.controller.wait_for(
            "switched_off__connection__reason", "dip_switch_1_3_off"
        )

        here.advance(SETTLED_S)

        (line,) = [
            line
            for line in here.controller.logs()
            if line.startswith("switched_off answers report 1, but neither")
        ]
    assert "DSW1.3" in line
    assert "power cycle" in line
    assert "the switch is OFF" in line


def test_another_station_is_neither_believed_nor_told_anything() -> None:
    with site("exchanged") as here:
        here.controller.wait_for_log(
            "exchanged answers with another serial number"
        )
        here.controller.wait_for(
            "exchanged__connection__reason", "wrong_serial"
        )

        write(here, "exchanged", "ena", 0)
        here.advance(SETTLED_S)

        assert results(here, "exchanged", "ena") == [
            "invalid: another station answers at this address"
        ]
        assert here.settings_sent("exchanged") == []
        assert "exchanged__report 2__State" not in announced(here)


def test_an_error_is_told_in_hex_and_decimal() -> None:
    with site("failing") as here:
        here.act("failing", Fail(6, 32769))

        here.controller.wait_for(
            "failing__readings__error",
            "State 4: Error1 6, Error2 0x8001 (32769)",
        )
