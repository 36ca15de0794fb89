"""Findings are plain values that keep their beginning."""

from itertools import count

from pyconnector_template.findings import Cause, Finding, Findings


def test_a_finding_that_goes_on_keeps_its_beginning() -> None:
    findings = Findings(clock=count(100).__next__)
    findings.note(Cause.SUBSCRIPTION_REFUSED, "refused: a")
    findings.note(Cause.NO_MAP)
    findings.note(Cause.SUBSCRIPTION_REFUSED, "refused: a, b")
    assert findings.current() == (
        Finding(Cause.SUBSCRIPTION_REFUSED, 100, "refused: a, b"),
        Finding(Cause.NO_MAP, 101, ""),
    )


def test_what_is_over_is_no_finding_and_begins_anew() -> None:
    findings = Findings(clock=count(100).__next__)
    findings.note(Cause.NO_MAP)
    findings.clear(Cause.NO_MAP, Cause.WRONG_NAME)
    assert findings.current() == ()
    findings.note(Cause.NO_MAP)
    assert findings.current() == (Finding(Cause.NO_MAP, 101, ""),)


def test_a_cause_is_written_as_its_code() -> None:
    assert f"{Cause.NAME_USED_TWICE}" == "name_used_twice"
