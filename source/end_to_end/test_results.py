"""What becomes of commands, and what stations are like, as BEMCom sees it.

One connector and one of each kind of station; each test looks at its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from connector.bemcom.actuators import ACTUATORS
from simulator import Simulator
from simulator.actions import AnswerLate, Fail
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import (
    Mosquitto,
    Observer,
    wait_until,
)
from testbed.plain_station import free_udp_port

pytestmark = pytest.mark.mosquitto

HERE = "127.0.6.1"
TAG = "e3f76b8d00000000"

PROFILES = {
    "obeying": "p30-c",
    "ignoring": "p30-confirms-only",
    "refusing": "p30-refuses",
    "late": "p30-c",
    "deaf": "p30-c",
    "rebooting": "p30-c",
    "failing": "p30-c",
    "cards": "p30-rfid",
    "meterless": "p30-de",
    "switched_off": "p30-dsw-off",
    "exchanged": "p30-c",
}
ADDRESSES = {
    name: f"127.0.6.{number}" for number, name in enumerate(PROFILES, 10)
}
OBEYED: dict[str, tuple[object, str]] = {
    "ena": (True, "applied"),
    "curr": (10_000, "applied"),
    "currtime": ("16000 3600", "applied"),
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

ONLY_OF_STATIONS = ("connection__reason", "readings__error")


@dataclass(frozen=True)
class Site:
    """The connector and everything around it."""

    stations: Simulator
    observer: Observer
    controller: Controller

    def write(self, station: str, word: str, value: Any) -> None:
        """Write an actuator."""
        self.controller.write(f"{station}__{word}", value)

    def results(self, station: str, word: str) -> list[str]:
        """Return what was told of a command so far."""
        return self.controller.values(f"{station}__results__{word}")

    def wait_for_result(self, station: str, word: str, text: str) -> None:
        """Wait until something is told of a command, in these words.

        Two readings of report 2 are five seconds apart, and the first may
        have to wait as long.
        """
        is_told = self.stations.wait_until(
            lambda: any(text in one for one in self.results(station, word)),
            timeout_s=25.0,
        )
        assert is_told, (text, self.results(station, word))

    def settings_sent(self, station: str) -> list[str]:
        """Return what reached a station beside polls."""
        return [
            request.text
            for request in self.stations.requests
            if request.station == station
            and not request.text.startswith("report")
        ]

    def announced(self) -> dict[str, Any]:
        """Return the sensor datapoints that BEMCom knows of by now."""
        topic = f"{NAME}/available_datapoints"
        sensors: dict[str, Any] = self.observer.on(topic)[-1].json["sensor"]
        return sensors


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("results")
    port = free_udp_port()
    stations: dict[str, object] = dict(ADDRESSES)
    stations["exchanged"] = {"host": ADDRESSES["exchanged"], "serial": "1"}
    stations["obeying"] = {"host": ADDRESSES["obeying"], "max_curr": 20_000}
    with (
        Mosquitto(folder) as broker,
        Simulator(ADDRESSES, profile=PROFILES, port=port) as simulator,
        ConnectorProcess(
            folder,
            broker.port,
            stations,
            bind=HERE,
            KEBA_P30_PORT=str(port),
            KEBA_P30_REPLY_TIMEOUT="0.5",
            KEBA_P30_RESTORE="TRUE",
        ) as process,
    ):
        observer = broker.observe("#")
        controller = Controller(observer)
        _select_all(controller)
        controller.wait_for_log("cards is online")
        controller.wait_for_log("exchanged answers with another serial number")
        controller.write_until_logged(
            "cards__display", "ready", "ready: TCH-OK"
        )
        site = Site(simulator, observer, controller)
        _set_in_motion(site)
        yield site
        assert process.is_running()
        assert "Traceback" not in process.output
        assert simulator.violations == []


def _select_all(controller: Controller) -> None:
    results = [f"results__{word}" for word in ACTUATORS]
    controller.select(
        *(
            f"{name}__{key}"
            for name in PROFILES
            for key in (*results, *ONLY_OF_STATIONS)
        ),
        actuators=[
            *(f"{name}__{word}" for name in PROFILES for word in ACTUATORS),
            "all__curr",
        ],
    )


def _set_in_motion(site: Site) -> None:
    """Say at once what takes its time until it has a result."""
    site.stations.act("late", AnswerLate(0.8))
    site.stations.silence("deaf", ("curr 10000",))
    site.controller.write("all__curr", 7000)
    for station in ("ignoring", "late", "deaf", "rebooting"):
        site.write(station, "curr", 10_000)
    site.write("refusing", "ena", 0)
    site.write("cards", "start", TAG)
    site.stations.act("failing", Fail(6, 32769))
    for word, (value, _) in OBEYED.items():
        site.write("obeying", word, value)


# --- results -----------------------------------------------------------------


@pytest.mark.parametrize("word", OBEYED)
def test_a_station_that_obeys_is_read_back(site: Site, word: str) -> None:
    _, result = OBEYED[word]

    site.wait_for_result("obeying", word, result)


def test_phases_are_switched_once_and_the_cool_down_is_told(
    site: Site,
) -> None:
    site.wait_for_result("obeying", "x2", "applied")

    site.write("obeying", "x2", 0)

    site.wait_for_result("obeying", "x2", "may be switched again in ")
    assert site.settings_sent("obeying").count("x2 1") == 1
    assert "x2 0" not in site.settings_sent("obeying")


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
    site: Site, word: str, value: object, reason: str
) -> None:
    sent = site.settings_sent("obeying")

    site.write("obeying", word, value)

    site.wait_for_result("obeying", word, reason)
    told = site.results("obeying", word)
    assert any(one.startswith(f"invalid: {word}: ") for one in told)
    assert site.settings_sent("obeying") == sent


def test_a_station_that_confirms_and_ignores_has_not_applied(
    site: Site,
) -> None:
    site.wait_for_result("ignoring", "curr", "not_applied")
    site.controller.wait_for_log(
        "ignoring confirmed curr 10000, but did not apply it: "
        "wanted Curr user 10000, seen Curr user 63000"
    )


def test_a_refusal_is_told_with_its_text(site: Site) -> None:
    site.wait_for_result("refusing", "ena", "rejected: not allowed now")


def test_a_card_starts_a_session_and_stays_out_of_the_log(site: Site) -> None:
    site.wait_for_result("cards", "start", "applied")
    assert f"start {TAG}" in site.settings_sent("cards")
    assert not any(TAG in line for line in site.controller.logs())


def test_a_station_that_answers_late_has_applied_in_the_end(
    site: Site,
) -> None:
    site.wait_for_result("late", "curr", "applied")
    assert site.settings_sent("late").count("curr 10000") == 1


def test_a_station_that_does_not_hear_commands_gives_no_reply(
    site: Site,
) -> None:
    site.wait_for_result("deaf", "curr", "no_reply")
    assert site.settings_sent("deaf").count("curr 10000") == 2


def test_a_station_that_reboots_is_counted_and_gets_its_limit_back(
    site: Site,
) -> None:
    site.wait_for_result("rebooting", "curr", "applied")

    site.stations.reboot("rebooting")

    site.controller.wait_for_log("rebooting has restarted")
    site.controller.wait_for_log("rebooting is back without curr 10000")
    wait_until(
        lambda: site.settings_sent("rebooting").count("curr 10000") == 2,
        "the limit, sent again",
    )
    # Looking from outside is all that this thread may do.
    point = site.stations.stations["rebooting"].point
    wait_until(lambda: point.limits.curr_user == 10_000)


def test_a_command_to_all_has_its_own_result_at_each_station(
    site: Site,
) -> None:
    for station, result in {
        "meterless": "applied",
        "refusing": "rejected: not allowed now",
        "switched_off": "no_reply",
        "exchanged": "invalid: another station answers at this address",
    }.items():
        site.wait_for_result(station, "curr", result)
    for station in ("meterless", "refusing", "switched_off"):
        assert "curr 7000" in site.settings_sent(station)


# --- stations ---------------------------------------------------------------


def test_a_station_without_meter_has_no_measurements(site: Site) -> None:
    def is_known(key: str) -> bool:
        return key in site.announced()

    wait_until(lambda: is_known("meterless__report 3__P"))
    wait_until(lambda: is_known("obeying__readings__energy_total"))
    readings = {
        key.removeprefix("meterless__readings__")
        for key in site.announced()
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


def test_a_dip_switch_that_is_off_is_found_out(site: Site) -> None:
    site.controller.wait_for(
        "switched_off__connection__reason", "dip_switch_1_3_off"
    )

    site.controller.wait_for_log("switched_off answers report 1, but neither")
    (line,) = [
        line
        for line in site.controller.logs()
        if line.startswith("switched_off answers report 1")
    ]
    assert "DSW1.3" in line
    assert "power cycle" in line
    assert "the switch is OFF" in line


def test_another_station_is_neither_believed_nor_told_anything(
    site: Site,
) -> None:
    site.controller.wait_for("exchanged__connection__reason", "wrong_serial")
    site.write("exchanged", "ena", 0)

    site.wait_for_result(
        "exchanged", "ena", "invalid: another station answers at this address"
    )
    assert site.settings_sent("exchanged") == []
    assert "exchanged__report 2__State" not in site.announced()


def test_an_error_is_told_in_hex_and_decimal(site: Site) -> None:
    site.controller.wait_for(
        "failing__readings__error", "State 4: Error1 6, Error2 0x8001 (32769)"
    )
