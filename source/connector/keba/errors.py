"""Mistakes of our caller.

The network's faults (silence, refusal, nonsense) are not errors here: they
are everyday news and arrive as events, see `connector.keba.station.events`.

    KebaError
    ├── InvalidCommandError   the command must not be sent to a station
    ├── UnknownStationError   no station of that name is configured
    └── GatewayError          the UDP socket could not be opened, or the
                              thread that owns it has died
"""


class KebaError(Exception):
    """Base of all errors of this package."""


class InvalidCommandError(KebaError, ValueError):
    """The command is outside of what KEBA allows; says what and why."""


class UnknownStationError(KebaError, LookupError):
    """No station of that name is configured."""


class GatewayError(KebaError):
    """The UDP socket could not be opened, or its thread has died."""
