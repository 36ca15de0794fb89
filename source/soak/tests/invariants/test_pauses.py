from soak.invariants.pauses import Pauses
from soak.tests.seen import heard


def test_requests_with_all_pauses_are_no_breach() -> None:
    pauses = Pauses()
    for at, text in [
        (10.0, "report 1"),
        (10.11, "report 2"),
        (15.1, "report 1"),
    ]:
        pauses.hear(heard(text, at))

    assert pauses.broken == 0
    assert "shortest gap 110.0 ms in 3 datagrams" in pauses.measured()


def test_a_datagram_90_ms_after_another_is_a_breach() -> None:
    pauses = Pauses()
    pauses.hear(heard("report 1", 10.0))
    pauses.hear(heard("report 2", 10.09))

    (breach,) = pauses.breaches
    assert breach.at == 10.09
    assert "s00" in breach.evidence
    assert "90.0 ms" in breach.evidence


def test_stations_have_pauses_of_their_own() -> None:
    pauses = Pauses()
    pauses.hear(heard("report 1", 10.0))
    pauses.hear(heard("report 1", 10.0, station="s01"))

    assert pauses.broken == 0


def test_a_poll_right_after_a_stop_is_a_breach() -> None:
    pauses = Pauses()
    pauses.hear(heard("ena 0", 10.0))
    pauses.hear(heard("report 2", 11.9))

    assert pauses.broken == 1


def test_a_new_process_is_excused_for_what_it_cannot_know() -> None:
    pauses = Pauses()
    pauses.hear(heard("report 1", 10.0))
    pauses.connector_started(12.0)
    pauses.hear(heard("report 1", 12.5))

    assert pauses.broken == 0
    assert pauses.excused == 1


def test_a_new_process_keeps_the_pauses_that_it_knows_of() -> None:
    pauses = Pauses()
    pauses.connector_started(12.0)
    pauses.hear(heard("report 1", 12.5))
    pauses.hear(heard("report 1", 16.0))

    assert pauses.broken == 1
    assert pauses.excused == 0
