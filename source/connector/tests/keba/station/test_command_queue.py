"""The commands that wait: their order, and what makes way for what."""

from connector.keba.protocol.commands import (
    Command,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
)
from connector.keba.station.ask import Ask
from connector.keba.station.command_queue import CommandQueue

ON = Enable(on=True)
OFF = Enable(on=False)
TEN_AMPERES = SetCurrent(Milliampere(10_000))
TEN_AMPERES_SOON = SetCurrentTimed(Milliampere(10_000), Seconds(1))


def first(command: Command) -> Ask[Command]:
    return Ask(command, 0.0, 0.0)


def again(command: Command) -> Ask[Command]:
    return Ask(command, 0.0, 0.0, first_sent_at=0.0)


def beat(command: Command) -> Ask[Command]:
    return Ask(command, 0.0, 0.0, is_beat=True)


def queue_of(*asks: Ask[Command]) -> CommandQueue:
    queue = CommandQueue()
    for ask in asks:
        queue.append(ask)
    return queue


def waiting(queue: CommandQueue) -> list[Command]:
    return [ask.request for ask in queue]


def test_a_command_that_is_written_again_goes_to_the_end() -> None:
    queue = queue_of(first(ON), first(TEN_AMPERES), first(OFF))
    assert waiting(queue) == [TEN_AMPERES, OFF]


def test_only_what_leaves_late_makes_way_for_what_it_would_undo() -> None:
    for late in (again(TEN_AMPERES_SOON), beat(TEN_AMPERES_SOON)):
        queue = queue_of(late)
        assert queue.make_way(OFF) == [late]
        assert len(queue) == 0
    queue = queue_of(first(TEN_AMPERES_SOON))
    assert queue.make_way(OFF) == []
    assert waiting(queue) == [TEN_AMPERES_SOON]


def test_a_repetition_that_undoes_nothing_stays() -> None:
    queue = queue_of(again(TEN_AMPERES))
    assert queue.make_way(OFF) == []


def test_the_older_command_of_a_word_makes_way_in_any_case() -> None:
    queue = queue_of(first(ON))
    assert queue.make_way(OFF) == [first(ON)]


def test_what_nobody_asked_for_does_not_stand_in_the_way() -> None:
    queue = queue_of(first(OFF))
    queue.append_if_wanted(beat(TEN_AMPERES_SOON))
    queue.append_if_wanted(beat(ON))
    assert waiting(queue) == [OFF]
    queue.append_if_wanted(beat(TEN_AMPERES))
    assert waiting(queue) == [OFF, TEN_AMPERES]


def test_beats_overrule_nothing_and_nobody_waits_for_them() -> None:
    queue = queue_of(beat(OFF))
    assert not queue.overrules(TEN_AMPERES_SOON)
    assert queue.words == set()
    assert queue.take_all() == []
    assert len(queue) == 0


def test_beats_can_be_taken_out_alone() -> None:
    queue = queue_of(beat(OFF), first(TEN_AMPERES))
    queue.remove_beats()
    assert waiting(queue) == [TEN_AMPERES]


def test_only_the_very_command_is_taken_out() -> None:
    queue = queue_of(first(OFF))
    queue.remove_command(Enable(on=False))
    assert waiting(queue) == [OFF]
    queue.remove_command(OFF)
    assert waiting(queue) == []


def test_only_a_repetition_becomes_needless() -> None:
    queue = queue_of(first(OFF), again(TEN_AMPERES))
    queue.remove_repetition("ena")
    queue.remove_repetition("curr")
    queue.remove_repetition("display")
    assert waiting(queue) == [OFF]


def test_polls_beats_and_repetitions_are_our_own_schedule() -> None:
    assert not first(ON).is_scheduled
    assert again(ON).is_scheduled
    assert beat(ON).is_scheduled
