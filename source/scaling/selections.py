"""Which datapoints an admin may have selected, and which of them move."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.datapoints import CONNECTION
from connector.keba.fields import REPORTS
from connector.readings import READINGS

POLLED_REPORTS = (1, 2, 3)

_OF_BMW_ONLY = frozenset({"report 1__DIP-Sw"})

ALWAYS_MOVING = frozenset(
    {
        "report 1__Sec",
        "report 2__Sec",
        "report 3__Sec",
        "connection__last_seen",
        "connection__requests_sent",
    }
)
"""Have another value in each poll, whatever the station does."""

MOVING_WHILE_CHARGING = frozenset(
    {
        *(f"report 3__{key}{n}" for key in "UI" for n in (1, 2, 3)),
        *(f"report 3__{key}" for key in ("P", "PF", "E pres", "E total")),
        *(f"readings__current_{n}" for n in (1, 2, 3)),
        "readings__power",
        "readings__power_factor",
        "readings__energy_session",
        "readings__energy_total",
    }
)
"""Measurements, taken to be another value in each poll while a vehicle
charges, and still without. All else changes a few times a day: that is
nothing beside the polls."""

PUSHED_WHILE_CHARGING = frozenset(
    {"report 3__E pres", "readings__energy_session"}
)
"""Come with a status message for each `PUSH_WH`, polled or not."""

PUSH_WH = 10
"""UDP guide V2.00, page 6."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Datapoints of each station that are active in BEMCom.

    Parameters
    ----------
    name
        How the tables call it.
    keys
        Keys behind ``<station>__``.
    """

    name: str
    keys: tuple[str, ...]

    @property
    def size(self) -> int:
        """Values of one station in one poll."""
        return len(self.keys)

    def moving(self, charging_share: float) -> float:
        """Return how many values of a station differ from the poll before.

        Parameters
        ----------
        charging_share
            Share of the stations that charge, 0…1.
        """
        keys = frozenset(self.keys)
        measured = len(keys & MOVING_WHILE_CHARGING)
        return len(keys & ALWAYS_MOVING) + charging_share * measured

    @property
    def pushed(self) -> int:
        """Values that a status message about energy brings."""
        return len(PUSHED_WHILE_CHARGING.intersection(self.keys))


def _report_keys() -> Iterator[str]:
    for number in POLLED_REPORTS:
        for field in REPORTS[number]:
            yield f"report {number}__{field.key}"


REPORT_KEYS = tuple(key for key in _report_keys() if key not in _OF_BMW_ONLY)
READING_KEYS = tuple(f"readings__{row.key}" for row in READINGS)
CONNECTION_KEYS = tuple(datapoint.key for datapoint in CONNECTION)

ALL = Selection("all", (*REPORT_KEYS, *READING_KEYS, *CONNECTION_KEYS))
"""What a P30 with the newest firmware brings in each poll."""

REPORTS_ONLY = Selection("reports", REPORT_KEYS)
"""KEBA's own fields, as the published connector has them."""

ENERGY_MANAGER = Selection(
    "energy manager",
    (
        "connection__online",
        "connection__reason",
        "readings__state",
        "readings__plug",
        "readings__error",
        "readings__limited_by",
        "readings__current_limit",
        "readings__power",
        "readings__energy_total",
        "readings__current_1",
        "readings__current_2",
        "readings__current_3",
    ),
)
"""What is needed to share a connection among vehicles. Without the energy of
the session, whose status messages would be the largest part."""

MINIMAL = Selection(
    "minimal",
    (
        "connection__online",
        "readings__state",
        "readings__power",
        "readings__energy_total",
    ),
)
"""What is needed to see that all is well, and to bill."""

SELECTIONS: Mapping[str, Selection] = {
    selection.name: selection
    for selection in (ALL, REPORTS_ONLY, ENERGY_MANAGER, MINIMAL)
}
"""By name, the largest first."""
