"""Values without a broker."""

from collections.abc import Mapping
from typing import Any


class FakeApi:
    """Knows values as `BemcomApi` does.

    Parameters
    ----------
    values
        By the keys of their datapoints.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def value(self, key: str) -> Any:
        """Return the value of a datapoint, None without one."""
        return self._values.get(key)

    def topic(self, key: str) -> str:
        """Return the topic of a datapoint."""
        return f"{key}/value"
