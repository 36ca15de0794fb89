"""The datapoint map: which datapoint belongs to which topic."""

from __future__ import annotations

from typing import Any

from .json_text import json_object
from .logs import shortened

DatapointMap = dict[str, dict[str, str]]
"""``{"sensor": {key: topic}, "actuator": {topic: key}}``"""

MAX_TOPIC_BYTES = 65_535


class UnusableMapError(ValueError):
    """Nothing of the message can be used as a datapoint map."""


def empty_map() -> DatapointMap:
    """Make a map without datapoints."""
    return {"sensor": {}, "actuator": {}}


def read_datapoint_map(text: str | bytes) -> tuple[DatapointMap, list[str]]:
    """Read a datapoint map as BEMCom's API publishes it.

    Parameters
    ----------
    text
        The message, JSON.

    Returns
    -------
    datapoint_map : dict
        The usable entries. A topic with a wildcard would subscribe to strange
        messages, so only plain topics are usable.
    rejected : list of str
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
    if not isinstance(topic, str) or not topic:
        return False
    if any(character in topic for character in "+#\0"):
        return False
    try:
        return len(topic.encode("utf-8")) <= MAX_TOPIC_BYTES
    except UnicodeEncodeError:
        return False


def _description(kind: str, name: str, value: Any) -> str:
    return f"{kind} {shortened(name)}: {shortened(value)}"
