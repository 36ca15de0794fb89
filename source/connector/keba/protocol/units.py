"""Units of the protocol, as types; all of them count in whole numbers."""

from typing import NewType

Milliampere = NewType("Milliampere", int)
DeciWattHour = NewType("DeciWattHour", int)
"""KEBA's unit of energy, 0.1 Wh (UDP guide V2.01, pages 18 and 24)."""
Seconds = NewType("Seconds", int)
