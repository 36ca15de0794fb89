from simulator.clock import STRONG, StationClock
from simulator.sessions import NO_SESSION, UNPLUGGED, SessionLog

CLOCK = StationClock(
    0.0, uptime_s=0.0, unix_at_zero=1_600_000_000.0, synchronised=True
)


def live(log: SessionLog, now: float) -> None:
    log.begin(curr_hw=32_000, e_start=500, clock=CLOCK, now=now)
    log.end(e_pres=70, reason=UNPLUGGED, clock=CLOCK, now=now + 60)


def test_before_the_first_session_report_100_is_all_zeros() -> None:
    log = SessionLog(7)
    assert log.entry(100, e_pres=5) == NO_SESSION
    assert log.entry(101, e_pres=5) == NO_SESSION


def test_a_running_session_has_its_start_and_its_energy_so_far() -> None:
    log = SessionLog(7)
    log.begin(curr_hw=32_000, e_start=500, clock=CLOCK, now=10.0)
    running = log.entry(100, e_pres=33)
    assert running == NO_SESSION | {
        "Session ID": 8,
        "Curr HW": 32_000,
        "E start": 500,
        "E pres": 33,
        "started[s]": 1_600_000_010,
        "started": "2020-09-13 12:26:50.000",
        "ended": "0",
        "timeQ": STRONG,
    }


def test_after_the_end_100_and_101_are_equal_until_the_next_begins() -> None:
    log = SessionLog(7)
    live(log, 0.0)
    ended = log.entry(100, e_pres=999)
    assert ended == log.entry(101, e_pres=999)
    assert (ended["E pres"], ended["ended[s]"]) == (70, 1_600_000_060)
    log.begin(curr_hw=32_000, e_start=570, clock=CLOCK, now=100.0)
    assert log.entry(100, e_pres=0)["Session ID"] == 9
    assert log.entry(101, e_pres=0) == ended


def test_the_newest_thirty_sessions_are_kept() -> None:
    log = SessionLog(0)
    for round_number in range(35):
        live(log, round_number * 100.0)
    assert log.entry(101, e_pres=0)["Session ID"] == 35
    assert log.entry(130, e_pres=0)["Session ID"] == 6


def test_ending_without_a_session_changes_nothing() -> None:
    log = SessionLog(0)
    log.end(e_pres=1, reason=UNPLUGGED, clock=CLOCK, now=0.0)
    assert log.entry(101, e_pres=0) == NO_SESSION
