"""Results in a file."""

import json
import math

import pytest

from bench import figures, results


def test_results_come_back_from_a_file() -> None:
    measured = {"fleets": [{"stations": 1, "latency_s": {"p99": 0.5}}]}
    assert results.from_json(results.to_json(measured)) == measured


def test_what_never_came_is_null_in_the_file_and_nan_in_memory() -> None:
    nothing = figures.spread([])._asdict()
    text = results.to_json({"fleets": [], "stop": {"others_s": nothing}})
    assert json.loads(text)["stop"]["others_s"]["p99"] is None
    assert math.isnan(results.from_json(text)["stop"]["others_s"]["p99"])


@pytest.mark.parametrize("text", ["", "[]", "{}", "no JSON"])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        results.from_json(text)
