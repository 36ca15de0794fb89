"""KEBA's three pauses hold, with a margin."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connector.keba.station.pacing import MARGIN_S, Pacer

REPORT_1 = b"report 1"
REPORT_2 = b"report 2"
ENABLE = b"ena 1"
DISABLE = b"ena 0"

# What KEBA's guide V2.01 says on pages 10, 11, 21 and 31, in seconds.
T_UDP_PAUSE = 0.1
T_COM_PAUSE = 5.0
T_DIS_PAUSE = 2.0


def test_a_station_that_was_never_spoken_to_is_ready() -> None:
    assert Pacer().ready_at(REPORT_1, scheduled=True) == -math.inf


def test_100_ms_and_a_margin_lie_between_any_two_datagrams() -> None:
    pacer = Pacer()
    pacer.note_sent(REPORT_1, now=10.0)
    ready_at = pacer.ready_at(REPORT_2, scheduled=True)
    assert 10.0 + T_UDP_PAUSE < ready_at <= 10.0 + T_UDP_PAUSE + 0.02


def test_the_same_poll_comes_again_after_5_s_at_the_earliest() -> None:
    pacer = Pacer()
    pacer.note_sent(REPORT_1, now=10.0)
    pacer.note_sent(REPORT_2, now=10.2)
    assert pacer.ready_at(REPORT_1, scheduled=True) > 10.0 + T_COM_PAUSE
    assert pacer.ready_at(REPORT_2, scheduled=True) > 10.2 + T_COM_PAUSE


def test_a_user_may_repeat_a_command_without_waiting_5_s() -> None:
    pacer = Pacer()
    pacer.note_sent(ENABLE, now=10.0)
    assert pacer.ready_at(ENABLE, scheduled=False) < 10.2


def test_a_repetition_of_our_own_waits_5_s_after_a_users_command() -> None:
    pacer = Pacer()
    pacer.note_sent(ENABLE, now=10.0)
    assert pacer.ready_at(ENABLE, scheduled=True) > 10.0 + T_COM_PAUSE


def test_a_command_that_stops_charging_is_followed_by_2_s_of_silence() -> None:
    pacer = Pacer()
    pacer.note_sent(DISABLE, now=10.0, disables=True)
    for scheduled in (True, False):
        ready_at = pacer.ready_at(REPORT_2, scheduled=scheduled)
        assert 10.0 + T_DIS_PAUSE < ready_at < 10.0 + T_DIS_PAUSE + 0.02


def test_the_margin_covers_the_2_ms_that_a_gap_was_seen_to_shrink() -> None:
    assert MARGIN_S > 0.002


def test_old_datagrams_are_forgotten() -> None:
    """Each display text is a datagram of its own; memory stays bounded."""
    pacer = Pacer()
    for number in range(1000):
        pacer.note_sent(b"display %d" % number, now=float(number))
    assert len(pacer._sent_at) < 10


_DATAGRAMS = st.sampled_from([REPORT_1, REPORT_2, ENABLE, DISABLE])
_SENDINGS = st.lists(
    st.tuples(_DATAGRAMS, st.booleans(), st.floats(0, 3)), max_size=40
)


@given(_SENDINGS, st.floats(-1e6, 1e9))
def test_whoever_waits_until_ready_never_breaks_a_pause(
    sendings: list[tuple[bytes, bool, float]], start: float
) -> None:
    pacer = Pacer()
    log: list[tuple[float, bytes, bool]] = []
    now = start
    for datagram, scheduled, idle in sendings:
        now = max(now + idle, pacer.ready_at(datagram, scheduled=scheduled))
        pacer.note_sent(datagram, now, disables=datagram == DISABLE)
        log.append((now, datagram, scheduled))

    for (before, earlier, _), (after, _, _) in pairwise(log):
        pause = T_DIS_PAUSE if earlier == DISABLE else T_UDP_PAUSE
        assert after - before > pause
    last: dict[bytes, float] = {}
    for moment, datagram, scheduled in log:
        if scheduled and datagram in last:
            assert moment - last[datagram] > T_COM_PAUSE
        last[datagram] = moment
