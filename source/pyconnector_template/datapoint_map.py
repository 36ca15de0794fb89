"""The datapoint map: which datapoint belongs to which topic.

A broker has the map of every connector that BEMCom's API knows, and sends it
at once. After half a minute without one the connector looks for a moment at
the maps of others: the name may only be written differently.
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .findings import Cause, Findings
from .json_text import json_object
from .logs import logger_about, shortened
from .mqtt.packets import encoded_topic
from .mqtt.states import ALL_MAPS

if TYPE_CHECKING:
    from .mqtt.injected_link import InjectedLink
    from .mqtt.link import BrokerLink

logger = logger_about("connector")

DatapointMap = dict[str, dict[str, str]]
"""``{"sensor": {key: topic}, "actuator": {topic: key}}``"""

PATIENCE_S = 30.0
"""A map that lies on the broker comes at once; an API that is just starting
takes longer."""

LOOK_S = 2.0
"""So long the maps of others may take: they lie on the broker."""


class UnusableMapError(ValueError):
    """Nothing of the message can be used as a datapoint map."""


def read_datapoint_map(text: str | bytes) -> tuple[DatapointMap, list[str]]:
    """Read a datapoint map as BEMCom's API publishes it.

    Return its usable entries, and a description of each that was left out: a
    topic with a wildcard would subscribe to strange messages.

    Raises
    ------
    UnusableMapError
        If the message as a whole is no map.
    """
    try:
        raw = json_object(text)
    except ValueError as error:
        raise UnusableMapError(f"The datapoint_map is {error}.") from None
    datapoint_map: DatapointMap = {}
    rejected: list[str] = []
    for kind in ("sensor", "actuator"):
        if kind not in raw:
            raise UnusableMapError(f"No {kind} key in datapoint_map.")
        if not isinstance(raw[kind], dict):
            raise UnusableMapError(
                f"{kind.capitalize()} entry in datapoint_map is no object."
            )
        usable = datapoint_map[kind] = {}
        for name, value in raw[kind].items():
            topic, key = (value, name) if kind == "sensor" else (name, value)
            if is_plain_topic(topic) and isinstance(key, str):
                usable[name] = value
            else:
                rejected.append(f"{kind} {shortened(name)}: {shortened(value)}")
    return datapoint_map, rejected


def is_plain_topic(topic: object) -> bool:
    """Whether one can publish on it: no wildcard, not empty, not too long."""
    if not isinstance(topic, str):
        return False
    try:
        encoded_topic(topic)
    except ValueError:
        return False
    return True


class MissingMap:
    """Waits for the first datapoint map, looks for those of others, and warns.

    Any thread may say that it `has_come`.
    """

    def __init__(self, name: str, findings: Findings) -> None:
        self._name = name
        self._findings = findings
        self._others: set[str] = set()
        self._due_at: float | None = None
        self._is_looking = False
        self._is_reported = False
        self.has_come = False

    @property
    def is_awaited(self) -> bool:
        """Whether to `check` again and again."""
        return self._is_looking or not (self.has_come or self._is_reported)

    def note_other(self, name: str) -> None:
        """Learn that another connector has a map."""
        self._others.add(name)

    def check(self, now: float, link: "BrokerLink | InjectedLink") -> None:
        """Do what is due: nothing, or look for other maps, or report."""
        if not link.is_connected():
            # No map can come, and what is temporary ended with the connection.
            self._due_at, self._is_looking = None, False
        elif not self.is_awaited:
            return
        elif self._due_at is None:
            self._due_at = now + PATIENCE_S
        elif self._is_looking and (self.has_come or now >= self._due_at):
            link.unsubscribe(ALL_MAPS)
            self._is_looking = False
            self._is_reported = True
            if not self.has_come:
                self._report()
        elif not self._is_looking and now >= self._due_at:
            link.subscribe_temporarily(ALL_MAPS)
            self._due_at, self._is_looking = now + LOOK_S, True

    def _report(self) -> None:
        """Say what is missing and where to click; note it as a finding."""
        similar = similar_name(self._name, self._others)
        if similar is None:
            self._findings.note(Cause.NO_MAP)
            hint = ""
        else:
            evidence = f"there is a map for {similar!r}"
            self._findings.note(Cause.WRONG_NAME, evidence)
            hint = (
                f" There is a map for {similar!r}: did you mean "
                f"CONNECTOR_NAME={similar}?"
            )
        logger.warning(
            "BEMCom has sent no datapoint map for %g s, so no values are "
            "published. In the AdminUI open Connectors, Add, and enter the "
            "name %s exactly so; if it is there already, open and save it.%s",
            PATIENCE_S,
            self._name,
            hint,
        )


def similar_name(name: str, others: Iterable[str]) -> str | None:
    """Return the name that was probably meant, if there is one."""
    plain = {_plain(other): other for other in sorted(others)}
    found = difflib.get_close_matches(_plain(name), plain, 1)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
