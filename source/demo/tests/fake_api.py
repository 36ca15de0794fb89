"""Values without a broker."""

from collections.abc import Mapping, Sequence
from typing import Any


class FakeApi:
    """Knows values as `BemcomApi` does.

    Parameters
    ----------
    values
        By the keys of their datapoints.
    log_rows
        What the connector has logged.
    """

    received = 0

    def __init__(
        self, values: Mapping[str, Any], log_rows: Sequence[str] = ()
    ) -> None:
        self._values = values
        self.log_rows = log_rows

    def value(self, key: str) -> Any:
        """Return the value of a datapoint, None without one."""
        return self._values.get(key)
