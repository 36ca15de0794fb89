"""Commands that tests of stations give."""

from connector.keba.protocol.commands import (
    Display,
    Enable,
    Milliampere,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetFailsafe,
)


def amperes(limit: int) -> SetCurrent:
    return SetCurrent(Milliampere(limit * 1000))


ON = Enable(on=True)
OFF = Enable(on=False)
SIX_AMPERES = amperes(6)
TEN_AMPERES = amperes(10)
TEN_AMPERES_SOON = SetCurrentTimed(Milliampere(10_000), Seconds(1))
SIX_AMPERES_SOON = SetCurrentTimed(Milliampere(6_000), Seconds(1))
STOP_SOON = SetCurrentTimed(Milliampere(0), Seconds(1))
CANCEL = SetCurrentTimed(Milliampere(0), Seconds(0))
LIMIT_LATER = SetCurrentTimed(Milliampere(16_000), Seconds(3600))
STOP_LATER = SetCurrentTimed(Milliampere(0), Seconds(3600))
FAILSAFE = SetFailsafe(Seconds(60), Milliampere(6_000))
NO_FAILSAFE = SetFailsafe(Seconds(0), Milliampere(0))
HELLO = Display("Hello")
