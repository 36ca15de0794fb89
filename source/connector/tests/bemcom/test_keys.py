"""A key tells its station, however that is called."""

import pytest

from connector.bemcom.keys import split_key


@pytest.mark.parametrize("station", ["garage", "garage_", "_", "_-1"])
@pytest.mark.parametrize("rest", ["curr", "results__ena", "report 2__E pres"])
def test_a_key_is_split_behind_the_name_of_the_station(
    station: str, rest: str
) -> None:
    assert split_key(f"{station}__{rest}") == (station, rest)


def test_what_is_no_key_has_nothing_behind_its_name() -> None:
    assert split_key("garage") == ("garage", "")
