"""Makes docs/scaling.md: a part that is calculated, a part that is measured.

The calculated part is always made anew, and a test compares it; the measured
part stays until the next run.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pyconnector_template.connector import MAX_AVAILABLE_DATAPOINTS
from scaling.campus import COSTS, DATAPOINTS_OF_A_STATION, Campus, load_of
from scaling.limits import limits
from scaling.selections import ALL, ENERGY_MANAGER, MINIMAL, SELECTIONS
from scaling.sizing import (
    UTILISATION,
    age_when_stored_s,
    fits_queue,
    shortest_interval_s,
    writers_needed,
)
from scaling.tables import (
    bullets,
    counted,
    number,
    number_table,
    seconds,
    share,
    size,
    text_table,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"

BEGIN = "<!-- measured: made by `make scaling` -->"
END = "<!-- end of measured -->"
NOTHING_YET = "Nothing has been measured yet."

BIG = Campus(stations=10_000, connectors=20, poll_interval_s=30, selection=ALL)
SMALLER = (
    replace(BIG, stations=100, connectors=1),
    replace(BIG, stations=1_000, connectors=2),
)
WRITERS = (1, 2, 4, 8)
RECOMMENDED_WRITERS = 4
POLICIES = (1, 2, 10, 60)


def written(measured: str) -> str:
    """Return the whole document around its measured part."""
    return "\n\n".join((calculated(), BEGIN, measured.strip(), END)) + "\n"


def measured_part(document: str) -> str:
    """Return what stands between the marks."""
    _, _, rest = document.partition(BEGIN)
    return rest.partition(END)[0].strip() or NOTHING_YET


def update(measured: str | None = None, path: Path = DOCUMENT) -> None:
    """Write the document; without a new measured part keep the old one."""
    if measured is None:
        old = path.read_text("utf-8") if path.exists() else ""
        measured = measured_part(old)
    path.write_text(written(measured), "utf-8")


def calculated() -> str:
    """Return all but the measured part."""
    return "\n\n".join(
        (
            _INTRODUCTION,
            "## 10,000 stations on twenty connectors",
            _answer(),
            _intervals(),
            _ABOUT_INTERVALS.rstrip(),
            "## What breaks first",
            limits(BIG),
            "## 100, 1000, 10,000 stations",
            *_sizes(),
            "## Unchanged values only every N polls",
            _policy(),
            _CAUTION,
            "## What the calculation takes for granted",
            _assumptions(),
            "## Calculated and measured",
        )
    )


_INTRODUCTION = """\
# Scaling

How many stations a broker and BEMCom's API bear, and what to set. Made by
`python -m scaling document` and `make scaling`; `python -m scaling plan` does
the same sums for your own campus, `python -m scaling plan --help` says how."""


def _answer() -> str:
    minimal = replace(BIG, selection=MINIMAL)
    interval_s = _interval(minimal, RECOMMENDED_WRITERS)
    chosen = replace(minimal, poll_interval_s=interval_s)
    thinned = replace(minimal, publish_unchanged_every=10, charging_share=1.0)
    age_s = age_when_stored_s(chosen, RECOMMENDED_WRITERS)
    charging = BIG.stations * BIG.charging_share
    busy = BIG.pushes_per_s / COSTS.values_per_writer_s / UTILISATION
    keys = ", ".join(f"`{key}`" for key in MINIMAL.keys)
    return bullets(
        f"""**Which selection:** `{MINIMAL.name}`, that is {keys}. Not more than
        {COSTS.api_queue // BIG.stations} datapoints of each station: the API's
        queue takes {number(COSTS.api_queue)} messages, and one round of all
        stations, or all retained values after a restart of the API, come at
        once.""",
        f"""**What interval, how many writers:** `POLL_SECONDS={interval_s}`
        with {RECOMMENDED_WRITERS} writers (`N_MTD_WRITE_THREADS` of the API),
        or {_interval(minimal, 1)} with its default of one. The last value of
        a round is stored {number(age_s)} s after it was measured.""",
        f"""**Leave out the energy of the session** (`report 3__E pres`,
        `readings__energy_session`): stations tell it by themselves, each
        10 Wh. With {number(charging)} vehicles at 11 kW that is
        {number(BIG.pushes_per_s)} values a second for each of the two, the
        work of {math.ceil(busy)} writers, whatever the interval. Select
        `readings__energy_total` instead.""",
        f"""**Or publish unchanged values less often:**
        `PUBLISH_UNCHANGED_EVERY=10` lets one writer do with
        `POLL_SECONDS={_interval(thinned, 1)}`, also while all vehicles charge.
        See below for what it costs.""",
        """Broker and connectors are not in question.""",
    )


def _interval(campus: Campus, writers: int) -> int:
    """Return the shortest interval, rounded up to tens of seconds."""
    interval_s = shortest_interval_s(campus, writers)
    if interval_s is None:
        raise ValueError(f"no interval is long enough for {campus}")
    return 10 * math.ceil(interval_s / 10)


def _intervals() -> str:
    head = (
        "selection",
        "values of a station",
        "values/s at 30 s",
        "writers at 30 s",
        *(
            f"shortest interval, {count} writer{'s' * (count > 1)}"
            for count in WRITERS
        ),
    )
    return number_table(head, map(_interval_row, _selected(BIG)))


def _selected(campus: Campus) -> Iterator[Campus]:
    for selection in SELECTIONS.values():
        yield replace(campus, selection=selection)


def _interval_row(campus: Campus) -> tuple[str, ...]:
    mark = "" if fits_queue(campus) else " \\*"
    return (
        f"{campus.selection.name}{mark}",
        str(campus.selection.size),
        number(load_of(campus).values_per_s),
        number(writers_needed(campus)),
        *(seconds(shortest_interval_s(campus, writers)) for writers in WRITERS),
    )


_ABOUT_INTERVALS = """\
`all` is what a P30 brings, `reports` KEBA's own fields, `energy manager` what
is needed to share a connection, `minimal` what is needed to bill, and to see
that all is well. \\* means that a round does not fit into the API's queue: a
part is lost when the connectors happen to poll together. – means that status
messages alone are too much. The API's writers keep no order among themselves,
so the queue should be empty before the next round. With these intervals it is.
"""


def _sizes() -> Iterator[str]:
    yield (
        "Shortest `POLL_SECONDS` with one writer / with "
        f"{RECOMMENDED_WRITERS}, and the writers that 30 s need:"
    )
    campuses = (*SMALLER, BIG)
    head = (
        "selection",
        *(
            f"{number(campus.stations)} stations, {counted(campus.connectors)}"
            for campus in campuses
        ),
    )
    rows = (
        (
            name,
            *(
                _size_cell(replace(one, selection=selection))
                for one in campuses
            ),
        )
        for name, selection in SELECTIONS.items()
    )
    yield number_table(head, rows)
    yield _to_do()


def _size_cell(campus: Campus) -> str:
    alone = seconds(shortest_interval_s(campus, 1))
    together = seconds(shortest_interval_s(campus, RECOMMENDED_WRITERS))
    return f"{alone} / {together}; {writers_needed(campus)}"


def _to_do() -> str:
    hundred, thousand = SMALLER
    manager = replace(thousand, selection=ENERGY_MANAGER)
    at_most = MAX_AVAILABLE_DATAPOINTS // DATAPOINTS_OF_A_STATION
    return bullets(
        f"""**100 stations:** the default of 30 s and one writer bear
        `energy manager` with room to spare. For `all` set
        `POLL_SECONDS={_interval(hundred, 1)}`.""",
        f"""**1000 stations:** `energy manager` and
        `POLL_SECONDS={_interval(manager, 1)}` with one writer, or 30 with
        {writers_needed(manager)}. Leave out the energy of the session.""",
        """**10,000 stations:** as said above. Two APIs with ten connectors and
        a database each would halve all that stands at the top of the table;
        nobody has tried. Leave `SEND_RAW_MESSAGE_TO_DB` off.""",
        """At all sizes: activate datapoints of few stations first and look at
        `Message Queue full` in the API's log; start connectors some seconds
        apart, so that their rounds do not meet.""",
        f"""One connector announces {number(MAX_AVAILABLE_DATAPOINTS)}
        datapoints at most, those of {number(at_most)} stations.""",
    )


def _policy() -> str:
    campus = replace(BIG, selection=MINIMAL, poll_interval_s=60)
    head = (
        "`PUBLISH_UNCHANGED_EVERY`",
        "values/s, 30 % charge",
        "writers",
        "values/s, all charge",
        "writers",
        "shortest interval with one writer, 30 % / all charge",
        "a still value is at most so old",
    )
    return (
        f"`minimal`, {number(campus.stations)} stations, "
        f"`POLL_SECONDS={campus.poll_interval_s:g}`; 1 publishes everything "
        "and is the default:\n\n"
        + number_table(head, (_policy_row(campus, every) for every in POLICIES))
    )


def _policy_row(campus: Campus, every: int) -> tuple[str, ...]:
    usual = replace(campus, publish_unchanged_every=every)
    busiest = replace(usual, charging_share=1.0)
    return (
        str(every),
        number(load_of(usual).values_per_s),
        str(writers_needed(usual)),
        number(load_of(busiest).values_per_s),
        str(writers_needed(busiest)),
        (
            f"{seconds(shortest_interval_s(usual, 1))} / "
            f"{seconds(shortest_interval_s(busiest, 1))}"
        ),
        seconds(every * campus.poll_interval_s),
    )


_CAUTION = """\
It thins out what stands still; a fleet that charges gains less, and so does a
selection full of uptimes and counters. Plan for the hour in which all charge.
Before you set it:

* BEMCom marks nothing as stale. A value that did not change and one that no
  longer comes look the same; only `connection__online` tells. Nor are all
  values of a station that comes back repeated at once.
* The history has gaps. Who counts rows or draws means without weighing them by
  time gets other numbers.
* A controller that looks at timestamps takes a value for too old after its own
  limit: keep N × `POLL_SECONDS` below it.
* After a start of a connector all values come in one round, as without it."""


def _assumptions() -> str:
    rows = (
        (
            "One writer stores",
            f"{number(COSTS.values_per_writer_s)} values/s with history",
            "seen with django-api 0.8.6, PostgreSQL 15, two cores",
        ),
        (
            "More writers",
            "each as much",
            (
                "not measured: they are threads of one Python process on one "
                "database; try before you rely on more than four"
            ),
        ),
        (
            "Writers are busy",
            f"{share(UTILISATION)} at most",
            "the rest is for logs, results, catching up",
        ),
        ("Stations that charge", share(BIG.charging_share), "at 11 kW"),
        (
            "Change from poll to poll",
            "uptimes, counters; while charging all measurements",
            "all else a few times a day",
        ),
        (
            "A connector",
            (
                f"{number(COSTS.cpu_per_poll_s * 1e3)} ms CPU for a poll, "
                f"{size(COSTS.connector_bytes)}, and "
                f"{size(COSTS.station_bytes)} for each station"
            ),
            "measured with all values selected, 500 stations at most",
        ),
        (
            "Memory of the broker for a datapoint",
            size(COSTS.retained_bytes),
            "retained value and the API's subscription, measured below",
        ),
        (
            "CPU for a value",
            (
                f"{number(COSTS.broker_s * 1e6)} µs broker, "
                f"{number(COSTS.reader_s * 1e6)} µs reader"
            ),
            "measured below; the reader is a bare client in Python",
        ),
    )
    return text_table(("what", "figure", "where from"), rows)
