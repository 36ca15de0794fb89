import pytest

from scaling.campus import Campus, Costs, load_of
from scaling.comparison import Row, compare, markdown
from scaling.measurement import Measurement
from scaling.selections import MINIMAL
from scaling.store import Arrival

CAMPUS = Campus(
    stations=100,
    connectors=2,
    poll_interval_s=10,
    selection=MINIMAL,
    charging_share=0.0,
)
COSTS = Costs(values_per_writer_s=20, api_queue=300)
LOAD = load_of(CAMPUS, COSTS)
ROUNDS = 2
SECONDS = ROUNDS * CAMPUS.poll_interval_s


def measurement() -> Measurement:
    """Return a run in which all was as calculated, and at the worst."""
    arrivals = [
        Arrival(at, f"topic {n}", 1, round(at * 1000))
        for at in (1000.0, 1010.0)
        for n in range(CAMPUS.stations * MINIMAL.size)
    ]
    polls_each = LOAD.polls_per_s / CAMPUS.connectors
    return Measurement(
        campus=CAMPUS,
        seconds=SECONDS,
        arrivals=arrivals,
        packets_per_s=LOAD.values_per_s + LOAD.heartbeats_per_s,
        bytes_per_s=LOAD.bytes_per_s,
        datagrams_per_s=None,
        retained_messages=LOAD.retained_messages,
        heap_bytes=round(LOAD.retained_bytes),
        announcement_bytes=LOAD.announcement_bytes,
        map_bytes=LOAD.map_bytes,
        connector_cpu=2 * polls_each * COSTS.cpu_per_poll_s,
        broker_cpu=LOAD.broker_cpu,
        reader_cpu=LOAD.reader_cpu,
        connector_memory=LOAD.connector_bytes,
    )


ROWS = {row.what: row for row in compare(measurement(), (1, 3), COSTS)}


@pytest.mark.parametrize(
    "what",
    [
        "values/s at the API",
        "MQTT packets/s into the broker",
        "kB/s into the broker",
        "retained messages",
        "memory of the broker, MB",
        "one `datapoint_map`, kB",
        "CPU of the broker for a value, µs",
        "memory of a connector, MB",
    ],
)
def test_what_came_as_calculated_has_the_ratio_one(what: str) -> None:
    assert ROWS[what].cells()[3] == "1.00"


def test_a_poll_that_costs_twice_as_much_has_the_ratio_two() -> None:
    assert ROWS["CPU of a connector for a poll, ms"].cells()[3] == "2.00"


def test_what_was_not_measured_has_no_ratio() -> None:
    row = ROWS["UDP datagrams/s"]

    assert row.measured is None
    assert row.cells()[2:] == ("–", "")


def test_the_store_loses_what_the_calculation_says() -> None:
    # 400 come in each round, 300 of them find room, 200 are stored by one
    # writer; the second round finds 100 of the first.
    row = ROWS["1 writer: dropped, %"]

    assert row.calculated == pytest.approx(100 * 300 / 800)
    assert row.measured == pytest.approx(row.calculated, abs=0.5)
    assert ROWS["1 writer: first drop after, s"].calculated == 0
    assert ROWS["1 writer: first drop after, s"].measured == 0


def test_with_a_long_queue_and_three_writers_nothing_is_lost() -> None:
    costs = Costs(values_per_writer_s=20, api_queue=1000)
    rows = {row.what: row for row in compare(measurement(), (3,), costs)}

    assert rows["3 writers: dropped, %"].measured == 0
    age = rows["3 writers: highest age when stored, s"]
    assert age.calculated == pytest.approx(400 / 60)
    assert age.measured == pytest.approx(400 / 60, rel=0.01)


def test_the_table_has_a_line_for_each_row() -> None:
    lines = markdown([Row("values/s", 10.0, 11.0)]).splitlines()

    assert lines[-1] == "| values/s | 10 | 11 | 1.10 |"
