"""Results as JSON, which has no NaN: what never came is null there."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(results: dict[str, Any]) -> str:
    """Return results as text for a file."""
    return json.dumps(_without_nan(results), indent=1, allow_nan=False) + "\n"


def from_json(text: str) -> dict[str, Any]:
    """Return the results in a text; a ValueError tells that it has none."""
    results = json.loads(text, object_hook=_with_nan)
    if not isinstance(results, dict) or "fleets" not in results:
        raise ValueError("these are no results of a benchmark")
    return results


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _with_nan(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: math.nan if value is None else value
        for name, value in found.items()
    }
