"""What a simulated station brings in a poll, without sockets."""

from collections.abc import Iterator

from connector.raw_messages import parse_raw_message
from connector.readings import StationReadings
from scaling.selections import POLLED_REPORTS
from simulator import PROFILES, SimulatedStation
from simulator.fleet import find_scenario

SETTLED_S = 100.0


def station(scenario: str) -> SimulatedStation:
    return SimulatedStation(
        "garage",
        PROFILES["p30-c"],
        scenario=find_scenario(scenario, "1"),
    )


def texts(asked: SimulatedStation, now: float) -> Iterator[tuple[str, str]]:
    """Ask for all reports; yields request and answer."""
    for number in POLLED_REPORTS:
        request = f"report {number}"
        answers = asked.receive(request.encode(), now + number)
        yield request, answers[-1].data.decode()


def poll(asked: SimulatedStation, now: float) -> dict[str, object]:
    """Return the values of reports and readings by their keys."""
    readings = StationReadings()
    values: dict[str, object] = {}
    for request, text in texts(asked, now):
        parsed = parse_raw_message({"garage": {request: text}})["garage"]
        for name, fields in parsed.items():
            values |= {f"{name}__{key}": fields[key] for key in fields}
            read = readings.update(fields)
            values |= {f"readings__{key}": read[key] for key in read}
    return values
