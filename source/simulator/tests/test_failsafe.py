from simulator.limits import Failsafe, FailsafeSetting

SETTING = FailsafeSetting(timeout_s=30, current=6_000)


def armed(*, store: bool = False) -> Failsafe:
    failsafe = Failsafe()
    failsafe.configure(SETTING, now=0.0, store=store)
    return failsafe


def test_it_trips_when_nobody_says_anything_for_its_time() -> None:
    failsafe = armed()
    failsafe.advance(29.9)
    assert not failsafe.is_tripped
    failsafe.advance(30.0)
    assert failsafe.is_tripped


def test_a_command_begins_the_time_anew() -> None:
    failsafe = armed()
    failsafe.feed(20.0, "current")
    failsafe.advance(49.9)
    assert not failsafe.is_tripped


def test_current_alone_is_not_enough_after_another_silence() -> None:
    failsafe = armed()
    failsafe.advance(30.0)
    failsafe.feed(31.0, "current")
    assert failsafe.next_moment() == 61.0
    failsafe.advance(61.0)
    failsafe.feed(62.0, "enable")
    assert failsafe.is_tripped
    assert failsafe.next_moment() == 92.0


def test_another_setting_does_not_end_it() -> None:
    failsafe = armed()
    failsafe.advance(30.0)
    failsafe.configure(FailsafeSetting(60, 8_000), now=40.0, store=False)
    assert failsafe.is_tripped


def test_only_a_stored_setting_survives_the_restart() -> None:
    lost, kept = armed(), armed(store=True)
    lost.restart(10.0)
    kept.restart(10.0)
    assert lost.setting == FailsafeSetting()
    assert kept.setting == SETTING
    assert kept.next_moment() == 40.0
