from simulator.clock import NOT_SET, STRONG, StationClock


def make(*, synchronised: bool) -> StationClock:
    return StationClock(
        0.0,
        uptime_s=100.0,
        unix_at_zero=1_600_000_000.0,
        synchronised=synchronised,
    )


def test_a_clock_without_date_counts_from_the_start() -> None:
    clock = make(synchronised=False)
    assert clock.quality == NOT_SET
    assert clock.seconds(5.0) == clock.uptime(5.0) == 105
    assert clock.text(5.0) == "105"


def test_strong_time_survives_setdatetime_and_restart() -> None:
    clock = make(synchronised=True)
    clock.set(5, now=1.0)
    clock.restart(2.0)
    assert clock.quality == STRONG
    assert clock.seconds(3.0) == 1_600_000_003


def test_the_uptime_wraps_around_like_an_uint32() -> None:
    clock = StationClock(
        0.0, uptime_s=2.0**32 - 1, unix_at_zero=0.0, synchronised=False
    )
    assert clock.uptime(3.0) == 2
