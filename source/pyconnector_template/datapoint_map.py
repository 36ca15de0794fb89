"""The datapoint map: which datapoint belongs to which topic.

A broker has the map of every connector that BEMCom's API knows, and sends it
at once. After half a minute without one the connector looks for a moment at
the maps of others: the name may only be written differently.
"""

import difflib
from enum import Enum
from typing import Any

from .findings import Cause, Findings
from .json_text import json_object
from .logs import logger_about, shortened
from .mqtt.packets import encoded_topic

logger = logger_about("connector")

DatapointMap = dict[str, dict[str, str]]
"""``{"sensor": {key: topic}, "actuator": {topic: key}}``"""

PATIENCE_S = 30.0
LOOK_S = 2.0


class UnusableMapError(ValueError):
    """Nothing of the message can be used as a datapoint map."""


def read_datapoint_map(text: str | bytes) -> tuple[DatapointMap, list[str]]:
    """Read a datapoint map as BEMCom's API publishes it.

    Returns
    -------
    datapoint_map
        The usable entries. A topic with a wildcard would subscribe to strange
        messages, so only plain topics are usable.
    rejected
        One description for each entry that was left out.

    Raises
    ------
    UnusableMapError
        If the message as a whole is no map.
    """
    try:
        raw = json_object(text)
    except ValueError as error:
        raise UnusableMapError(f"The datapoint_map is {error}.") from None
    for kind in ("sensor", "actuator"):
        if kind not in raw:
            raise UnusableMapError(f"No {kind} key in datapoint_map.")
        if not isinstance(raw[kind], dict):
            raise UnusableMapError(
                f"{kind.capitalize()} entry in datapoint_map is no object."
            )
    rejected: list[str] = []
    sensors: dict[str, str] = {}
    for key, topic in raw["sensor"].items():
        if is_plain_topic(topic):
            sensors[key] = topic
        else:
            rejected.append(_description("sensor", key, topic))
    actuators: dict[str, str] = {}
    for topic, key in raw["actuator"].items():
        if is_plain_topic(topic) and isinstance(key, str):
            actuators[topic] = key
        else:
            rejected.append(_description("actuator", topic, key))
    return {"sensor": sensors, "actuator": actuators}, rejected


def is_plain_topic(topic: object) -> bool:
    """Whether one can publish on it: no wildcard, not empty, not too long."""
    if not isinstance(topic, str):
        return False
    try:
        encoded_topic(topic)
    except ValueError:
        return False
    return True


class Step(Enum):
    """What is to be done now."""

    WAIT = "wait"
    LOOK = "look"
    """Subscribe to all maps."""
    END = "end"
    """End that: our own has come."""
    REPORT = "report"
    """End that, and report what was found."""


class MissingMap:
    """Waits for the first datapoint map; any thread may say that it came."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._others: set[str] = set()
        self._waits_since: float | None = None
        self._looks_since: float | None = None
        self._has_reported = False
        self.has_come = False

    @property
    def is_awaited(self) -> bool:
        """Whether `next_step` is to be asked again and again."""
        is_looking = self._looks_since is not None
        return is_looking or not (self.has_come or self._has_reported)

    def note_other(self, name: str) -> None:
        """Learn that another connector has a map."""
        self._others.add(name)

    def next_step(self, now: float, *, is_connected: bool) -> Step:
        """Decide what to do; without a broker no map can come."""
        if self.has_come or self._has_reported or not is_connected:
            was_looking = self._looks_since is not None
            self._waits_since = self._looks_since = None
            # What is temporary has ended with the connection.
            return Step.END if was_looking and is_connected else Step.WAIT
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since < PATIENCE_S:
            return Step.WAIT
        if self._looks_since is None:
            self._looks_since = now
            return Step.LOOK
        if now - self._looks_since < LOOK_S:
            return Step.WAIT
        self._has_reported = True
        self._looks_since = None
        return Step.REPORT

    def report(self, findings: Findings) -> None:
        """Say what is missing and where to click; note it as a finding."""
        similar = self.similar_name()
        if similar is None:
            findings.note(Cause.NO_MAP)
            hint = ""
        else:
            findings.note(Cause.WRONG_NAME, f"there is a map for {similar!r}")
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

    def similar_name(self) -> str | None:
        """Return the name that was probably meant, if there is one."""
        plain = {_plain(name): name for name in sorted(self._others)}
        found = difflib.get_close_matches(_plain(self._name), plain, 1)
        return plain[found[0]] if found else None


def _description(kind: str, name: str, value: Any) -> str:
    return f"{kind} {shortened(name)}: {shortened(value)}"


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
