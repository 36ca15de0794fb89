"""The link's voice: each trouble once, and as a finding while it lasts."""

import pytest

from pyconnector_template.findings import Cause, Findings
from pyconnector_template.mqtt.greeting import Trouble
from pyconnector_template.mqtt.report import OUTAGES_TOLD, BrokerReport
from pyconnector_template.settings import TemplateSettings

REFUSED = Trouble("it refused the login", Cause.BROKER_LOGIN)


@pytest.fixture
def findings() -> Findings:
    return Findings()


@pytest.fixture
def report(findings: Findings) -> BrokerReport:
    return BrokerReport(
        TemplateSettings(mqtt_broker_host="broker", mqtt_username="me"),
        findings,
    )


def causes(findings: Findings) -> list[Cause]:
    return [one.cause for one in findings.current()]


def test_a_trouble_is_told_once_until_the_broker_accepts_us(
    report: BrokerReport, findings: Findings, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        report.cannot_connect(REFUSED)
    [message] = caplog.messages
    assert message == (
        "Cannot connect to the MQTT broker broker:1883: it refused the login. "
        "Trying again."
    )
    assert causes(findings) == [Cause.BROKER_LOGIN]
    report.connected(0, 0)
    assert causes(findings) == []
    report.cannot_connect(REFUSED)
    assert len(caplog.messages) == 2


def test_a_broker_that_breaks_each_connection_fills_no_database(
    report: BrokerReport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="pyconnector")
    for _ in range(1000):
        report.connected(1, 0)
        report.lost(Trouble("it closed the connection"))
    assert len(caplog.messages) <= 2 * OUTAGES_TOLD + 2
    report.connected(0, 3)
    assert "3 were dropped" in caplog.messages[-1]


def test_another_instance_is_told_once_however_often_it_comes(
    report: BrokerReport, findings: Findings, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        report.others(["1.1.0"])
        [finding] = findings.current()
        assert finding.cause is Cause.NAME_USED_TWICE
        assert finding.evidence == "its version: 1.1.0"
        report.others([])
        assert causes(findings) == []
    [message] = caplog.messages
    assert "Another connector (version 1.1.0) uses the same name" in message


def test_what_is_not_delivered_names_topics_and_who_must_be_let_in(
    report: BrokerReport, caplog: pytest.LogCaptureFixture
) -> None:
    report.refused(["demo/datapoint_map"])
    report.not_delivered("demo/status")
    refused, silent = caplog.messages
    assert "demo/datapoint_map. Allow the user 'me' to read" in refused
    assert "demo/status, but delivers nothing" in silent
    assert "does not let the user 'me' read it" in silent
