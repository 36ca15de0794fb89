"""What is wrong is told before anything is measured."""

import pytest

from bench.__main__ import read_options


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        read_options(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_sizes_and_rounds_are_taken() -> None:
    options = read_options(["--stations", "1,20", "--rounds", "2"])
    assert (options.stations, options.rounds) == ((1, 20), 2)


@pytest.mark.parametrize("text", ["0", "-5", "a", "", "1,0", "1,", "10001"])
def test_a_fleet_has_stations(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    told = refusal(capsys, f"--stations={text}")
    assert "--stations" in told
    assert "1 to 10000" in told


@pytest.mark.parametrize("text", ["0", "-1", "a"])
def test_there_is_a_round(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    told = refusal(capsys, f"--rounds={text}")
    assert "--rounds" in told
    assert "at least 1" in told
