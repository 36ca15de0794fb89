"""What `doctor --listen` hears of what a connector publishes."""

from connector.tools.connector_view import ConnectorView, Reading
from connector.tools.listening import Listening

AT_MS = 1_795_343_457_000
CLIENT = {"about": "garage", "code": "second_client", "evidence": "Seen"}
LATE = {"about": "garage", "code": "late_answers", "evidence": ""}


def text_of(heard: Listening, name: str = "garage") -> str:
    return heard.row_of(name).text


def test_values_answers_and_status_messages_are_counted() -> None:
    heard = Listening(60)
    heard.note_reading("garage__report 3__P", Reading(1, AT_MS, False))
    heard.note_reading("garage__report 3__P", Reading(2, AT_MS, False))
    # What the broker had in store is of an earlier time.
    heard.note_reading("garage__report 3__P", Reading(0, AT_MS, True))
    heard.note_raw({"garage": {"report 2": "{}", "status": "{}"}})
    assert text_of(heard) == "1 answer, 1 status message, 2 values in 60 s"


def test_a_name_may_end_with_an_underscore() -> None:
    heard = Listening(60)
    heard.note_reading("garage___report 3__P", Reading(1, AT_MS, False))
    assert text_of(heard, "garage_") == "1 value in 60 s"


def test_a_station_of_which_nothing_comes_is_noted() -> None:
    row = Listening(30).row_of("garage")
    assert (row.text, row.code) == ("nothing in 30 s", "nothing_heard")


def test_what_came_and_went_is_told() -> None:
    heard = Listening(60)
    view = ConnectorView("keba")
    for findings in ([CLIENT, LATE], [LATE]):
        view.findings = findings
        heard.note_findings(view)
    [passed] = heard.passed([LATE])
    assert passed["code"] == "second_client"
    assert passed["evidence"] == "Seen (it came and went while this listened)"
