"""What `doctor` shows."""

from rich.console import Console

from connector.diagnosis.causes import Severity
from connector.tools.doctor import view_of
from connector.tools.examination import Examination
from connector.tools.station_rows import Row


def test_brackets_are_no_markup() -> None:
    text = "used by process 7: [worker] on [/dev/ttyS0]"
    row = Row("port", Severity.ERROR, text, "port_taken", "End [/it].")
    screen = Console(width=100)

    with screen.capture() as shown:
        screen.print(view_of(Examination(host=[row]), is_full=True))

    assert text in shown.get()
    assert "End [/it]." in shown.get()


def test_nothing_steers_the_terminal() -> None:
    row = Row("model", Severity.FINE, "KC-P30\x1b[2J, serial 1")
    screen = Console(width=100)

    with screen.capture() as shown:
        screen.print(
            view_of(Examination(stations={"garage": [row]}), is_full=True)
        )

    assert "KC-P30?[2J" in shown.get()
