import pytest

from end_to_end import own_network
from pyconnector_template.tests.mosquitto import find_mosquitto
from scaling.__main__ import main


def test_a_plan_tells_load_and_what_would_fit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "plan --stations 1000 --connectors 2 --interval 10 --writers 2"

    assert main(words.split()) == 0

    lines = capsys.readouterr().out.splitlines()
    figures = dict(line.rsplit("  ", 1) for line in lines if line)
    told = {name.strip(): text for name, text in figures.items()}
    assert told["values/s"] == "400"
    assert told["writers that this needs"] == "3"
    assert told["shortest interval with 2"] == "14 s"
    assert told["largest selection with 2"] == "none"


def test_an_impossible_campus_is_an_error_of_the_caller(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", "--stations", "1", "--connectors", "2"]) == 2
    assert "cannot share" in capsys.readouterr().err


def test_a_selection_that_nobody_knows_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["plan", "--selection", "everything"])

    assert ending.value.code == 2
    assert "'minimal'" in capsys.readouterr().err


@pytest.mark.mosquitto
def test_a_small_run_measures_what_is_calculated(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("psutil", reason="only measuring needs psutil")
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed on this machine")
    # It would become another program.
    monkeypatch.setattr(own_network, "can_be_made", lambda: False)
    words = (
        "run --connectors 1 --stations 2 --rounds 2 --charging 0 --interval 5 "
        "--selection minimal"
    )

    assert main(words.split()) == 0

    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:5]]
        for line in capfd.readouterr().out.splitlines()
        if len(cells := line.split("|")) > 5
    }
    calculated, measured, _ = rows["values/s at the API"]
    assert calculated == "1.6"
    assert float(measured) == pytest.approx(1.6, rel=0.3)
    assert rows["1 writer: dropped, %"][1] == "0"
