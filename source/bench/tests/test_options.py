"""What is wrong is told before anything is measured."""

import pytest

from bench.__main__ import read_options


def test_sizes_and_rounds_are_taken() -> None:
    options = read_options(["--stations", "1,20", "--rounds", "2"])
    assert (options.stations, options.rounds) == ((1, 20), 2)


@pytest.mark.parametrize(
    ("option", "text", "limit"),
    [
        *(
            ("--stations", text, "1 to 10000")
            for text in ("0", "-5", "a", "", "1,0", "1,", "10001")
        ),
        *(("--rounds", text, "at least 1") for text in ("0", "-1", "a")),
    ],
)
def test_a_number_out_of_its_limits_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, text: str, limit: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        read_options([f"{option}={text}"])

    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert option in told
    assert limit in told
