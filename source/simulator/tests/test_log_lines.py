from simulator.log_lines import changed_settings


def test_a_changed_setting_is_told_with_its_meaning_or_unit() -> None:
    before = {"State": 2, "Plug": 7, "Curr user": 63_000, "Output": 0}
    after = {"State": 3, "Plug": 7, "Curr user": 10_000, "Output": 1}
    assert changed_settings(before, after) == [
        "-- State 3, charging",
        "-- Curr user 10000 mA",
        "-- Output 1",
    ]


def test_what_follows_from_others_is_not_told() -> None:
    before = {"Max curr %": 1000, "Tmo CT": 7}
    assert changed_settings(before, {"Max curr %": 266, "Tmo CT": 6}) == []
