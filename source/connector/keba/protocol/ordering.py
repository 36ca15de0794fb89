"""What commands do to each other: the newest one rules.

Commands leave in the order in which they were written. UDP loses datagrams,
stations are slow, and three of KEBA's words (`ena`, `curr`, `currtime`) turn
the same two knobs, so that rule needs five answers (decision 8):

* **Replaced.** A command that still waits is dropped when a newer one leaves
  nothing of it: one of the same word; a `curr` also by a `currtime`, which
  sets the same limit, as soon as that rules.
* **Overtaken.** Once both have left, a report 2 that does not show the older
  one proves nothing: the newer one may have changed the same fields.
* **Undone.** A command that was lost is sent once more after KEBA's five
  seconds, behind commands that are newer. It must not if it would undo one of
  them: `currtime 10000 1`, lost, then `ena 0`, and the repetition would lift
  the stop. The same holds for what repeats a limit to keep a failsafe quiet,
  and for what is restored after a restart.
* **Outdated.** So a command that leaves late must give way to a newer one of
  its own word, and to one that it would undo.
* **Made to wait.** `currtime` with the shortest delay rules after a second. A
  `curr` within this second would be overwritten, although it is newer.

A timer for later undoes nothing now, and nothing that is said now undoes it.
"""

from connector.keba.protocol.commands import (
    Command,
    Enable,
    SetCurrent,
    SetCurrentTimed,
    SetPhases,
    Start,
    Stop,
)

SHORTEST_TIMER_S = 1.2
"""A `currtime` with the shortest delay rules after this time."""


def is_replaced(older: Command, newer: Command) -> bool:
    """Tell whether the newer command leaves nothing of the older one."""
    match older, newer:
        case SetCurrent(), SetCurrentTimed():
            return newer.rules_soon
        case _:
            return older.word == newer.word


def is_overtaken(older: Command, newer: Command) -> bool:
    """Tell whether the newer command may have changed the same fields."""
    match older, newer:
        case (SetCurrentTimed(cancels=True), _) | (
            _,
            SetCurrentTimed(cancels=True),
        ):
            # It ends a timer and touches neither knob.
            return False
        case (SetCurrentTimed(), Enable() | SetCurrent()) | (
            Enable() | SetCurrent(),
            SetCurrentTimed(),
        ):
            return True
        case (Start(), Enable() | Stop()) | (Stop(), Start()):
            return True
        case _:
            return False


def undoes(older: Command, newer: Command) -> bool:
    """Tell whether the older command, sent again, undoes the newer one."""
    match older, newer:
        # With cards `ena 0` takes the authorisation away
        # (dannerph/homeassistant-keba#33).
        case Enable(on=on), Start():
            return not on
        case Enable(on=on), SetCurrentTimed():
            return newer.rules_soon and on == newer.stops
        # `currtime` lifts `ena 0`, and with 0 mA it stops.
        case SetCurrentTimed(), Enable(on=on):
            return older.rules_soon and on == older.stops
        case SetCurrentTimed(), SetCurrent():
            return older.rules_soon
        case SetCurrent(), SetCurrentTimed():
            return newer.rules_soon
        # `curr` was seen to switch to three phases (ioBroker.kecontact#380).
        case SetCurrent(), SetPhases():
            return True
        case _:
            return False


def is_outdated(older: Command, newer: Command) -> bool:
    """Tell whether the older command must not leave after the newer one."""
    return older.word == newer.word or undoes(older, newer)


def must_wait(older: Command, newer: Command) -> bool:
    """Tell whether the older command, just sent, would overwrite the newer.

    For `SHORTEST_TIMER_S` after the older one has left.
    """
    match older, newer:
        case SetCurrentTimed(), SetCurrent():
            return older.delay <= 1 and not older.cancels
        case _:
            return False
