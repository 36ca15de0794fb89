"""What others reported in public, with stations that answer like theirs."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from connector.tests.diagnosis.situation import Situation, all_situations
from testbed import short_pauses
from testbed.bemcom_api import Received
from testbed.connector_process import NAME, ConnectorProcess, Controller
from testbed.mosquitto import Mosquitto, Observer
from testbed.plain_station import PlainStation, free_udp_port

pytestmark = pytest.mark.mosquitto

HERE = "127.0.7.1"
SITUATIONS = {
    f"station-{number}": situation
    for number, situation in enumerate(all_situations(), 10)
}
ADDRESSES = {name: f"127.0.7.{name[8:]}" for name in SITUATIONS}
TABLE = {
    name: {"host": ADDRESSES[name]}
    | ({"serial": situation.serial} if situation.serial else {})
    for name, situation in SITUATIONS.items()
}


def _answers(situation: Situation) -> dict[str, bytes]:
    """Return the reports as datagrams; those that stay out are empty."""
    return {
        name: json.dumps(situation.coming[name]).encode()
        if name in situation.coming
        else b""
        for name in situation.reports
    }


@dataclass(frozen=True)
class Site:
    """BEMCom's side, and who hears everything."""

    controller: Controller
    observer: Observer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("situations")
    port = free_udp_port()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder))
        for name, situation in SITUATIONS.items():
            if situation.listens:
                station = PlainStation(
                    ADDRESSES[name], port, HERE, _answers(situation)
                )
                stack.enter_context(station)
        settings = short_pauses.settings_for(folder) | {
            "KEBA_P30_PORT": str(port),
            "KEBA_P30_REPLY_TIMEOUT": "0.3",
            # A round of two reports that stay out must end before the next.
            "POLL_SECONDS": "3",
        }
        process = ConnectorProcess(
            folder, broker.port, TABLE, bind=HERE, **settings
        )
        stack.enter_context(process)
        observer = broker.observe("#")
        controller = Controller(observer)
        controller.select(
            *(
                f"{name}__{key}"
                for name, situation in SITUATIONS.items()
                for key in situation.expected
            )
        )
        yield Site(controller, observer)
        assert process.is_running()
        assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("name", "situation"),
    SITUATIONS.items(),
    ids=[one.name for one in SITUATIONS.values()],
)
def test_a_user_is_told_what_is_the_case(
    site: Site, name: str, situation: Situation
) -> None:
    controller = site.controller
    for key, value in situation.expected.items():
        controller.wait_for(f"{name}__{key}", value)
        if key.startswith("readings"):
            # Nothing else is told while the first reports come.
            assert set(controller.values(f"{name}__{key}")) == {value}


def test_the_diagnosis_names_what_the_datapoints_name(site: Site) -> None:
    causes = {
        (name, value)
        for name, situation in SITUATIONS.items()
        for key, value in situation.expected.items()
        # The limit is one fact more, and these are no findings.
        if key != "readings__limited_by"
        and value not in ("", "ok", "no_vehicle")
    } | {
        (name, code)
        for name, situation in SITUATIONS.items()
        for code in situation.findings or ()
    }

    def names_all(message: Received) -> bool:
        findings = message.json["findings"]
        return causes <= {(one["about"], one["code"]) for one in findings}

    message = site.observer.wait_for(f"{NAME}/diagnosis", names_all)
    found = {name: set[str]() for name in SITUATIONS}
    for one in message.json["findings"]:
        found.setdefault(one["about"], set()).add(one["code"])
    for name, situation in SITUATIONS.items():
        if situation.findings is not None:
            # With a timeout of 0.3 s a busy machine does answer late.
            expected = {*situation.findings, "late_answers"}
            assert found[name] | {"late_answers"} == expected, situation.name

    assert all(one["advice"] for one in message.json["findings"])
    assert message.json["stations"].keys() == SITUATIONS.keys()
