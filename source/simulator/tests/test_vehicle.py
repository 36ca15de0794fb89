import math

from simulator.vehicle import Charger, Vehicle


def charger_after(seconds: int, *, limit: int = 16_000) -> Charger:
    charger = Charger(Vehicle())
    charger.offer(limit, now=0.0)
    run(charger, seconds)
    return charger


def run(charger: Charger, until: float) -> None:
    while (moment := charger.next_moment()) <= until:
        charger.advance(moment)


def test_a_vehicle_hesitates_before_it_draws_current() -> None:
    assert not charger_after(4).is_drawing
    assert charger_after(5).is_drawing


def test_the_vehicle_draws_no_more_than_it_can() -> None:
    assert charger_after(35, limit=32_000).current == 16_000


def test_a_lower_limit_is_followed_at_once() -> None:
    charger = charger_after(60)
    charger.offer(6_000, now=60.0)
    assert charger.current == 6_000


def test_a_higher_limit_is_followed_slowly() -> None:
    charger = charger_after(60, limit=6_000)
    charger.offer(12_000, now=60.0)
    run(charger, 75.0)
    assert 6_000 < charger.current < 12_000
    run(charger, 90.0)
    assert charger.current == 12_000
    assert charger.next_moment() == math.inf


def test_a_charger_that_begins_again_climbs_from_0() -> None:
    charger = charger_after(60)
    charger.climb_again(60.0)
    assert (charger.current, charger.is_drawing) == (0, True)
    run(charger, 75.0)
    assert charger.current == 8_000
    run(charger, 90.0)
    assert charger.current == 16_000


def test_a_charger_without_current_has_nothing_to_begin_again() -> None:
    charger = charger_after(4)
    charger.climb_again(4.0)
    assert charger.next_moment() == 5.0


def test_without_an_offer_no_current_flows() -> None:
    charger = charger_after(60)
    charger.offer(0, now=60.0)
    assert (charger.current, charger.is_drawing) == (0, False)


def test_a_full_vehicle_takes_nothing_whatever_is_offered() -> None:
    charger = charger_after(60)
    charger.become_full()
    charger.offer(32_000, now=61.0)
    run(charger, 200.0)
    assert charger.current == 0
