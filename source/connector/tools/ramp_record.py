"""The record of a commissioning test: for machines, and to be filed."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.diagnosis.findings import sentence
from connector.keba.protocol.fields import CURRENT_MAX_MA
from connector.tools.figures import moment_in_words
from connector.tools.ramp_course import (
    FAILURES,
    TOLERANCE_IN_WORDS,
    TOLERANCE_MA,
    Ramp,
    Result,
    Step,
    Verdict,
)
from connector.tools.terminal import place_in_words

WIDTH = 80
"""A sheet of paper has as many columns."""

STYLES = {
    Result.PASSED: "bold green",
    Result.INCOMPLETE: "bold yellow",
    Result.FAILED: "bold red",
}


def record_of(
    ramp: Ramp,
    fields: Mapping[str, object],
    *,
    station: str,
    host: str,
    version: str,
    began_ms: int,
) -> dict[str, Any]:
    """Return the record for machines: mA, V, mW and seconds.

    The fields are those before the test, the version is this program's.
    """
    return {
        "began": moment_in_words(began_ms),
        "began_ms": began_ms,
        "station": station,
        "host": host,
        "product": fields.get("Product"),
        "serial": fields.get("Serial"),
        "firmware": fields.get("Firmware"),
        "hardware_limit_ma": fields.get("Curr HW"),
        "limit_before_ma": ramp.current_before,
        "tolerance_ma": TOLERANCE_MA,
        "steps": [_step_as_json(step) for step in ramp.steps],
        "stop": _step_as_json(ramp.stop),
        "ended_by": ramp.ended_by,
        "set_back": [str(command) for command in ramp.set_back],
        "not_set_back": ramp.left,
        "afterwards": str(ramp.afterwards.code) if ramp.afterwards else "",
        "result": str(ramp.result),
        "program": f"keba ramp {version}",
    }


def _step_as_json(step: Step) -> dict[str, Any]:
    load = step.load
    return {
        "wanted_ma": step.wanted,
        "offered_ma": load.offered if load else None,
        "drawn_ma": list(load.currents) if load else None,
        "volt": list(load.voltages) if load else None,
        "power_mw": load.power if load else None,
        "phases": load.phases if load else None,
        "limited_by": step.limited_by,
        "took_s": None if step.took_s is None else round(step.took_s, 1),
        "verdict": step.verdict.lower().replace(" ", "_"),
    }


# --- for people ---------------------------------------------------------------


def view_of(record: Mapping[str, Any], ramp: Ramp) -> RenderableType:
    """Return the record as a sheet of 80 columns."""
    return Group(
        Text("Commissioning test of a charge station", "bold"),
        _who(record),
        Text(""),
        _steps(ramp),
        Text(""),
        *_remarks(record, ramp),
        Text(""),
        Text(f"Result: {ramp.result}", STYLES[ramp.result]),
        Text(""),
        Text(f"Tested by {'_' * 29}  Signature {'_' * 28}"),
    )


def _who(record: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2), pad_edge=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    before = record["limit_before_ma"]
    rows = (
        ("date", record["began"]),
        ("station", place_in_words(record["station"], record["host"])),
        ("product", record["product"]),
        ("serial", record["serial"]),
        ("firmware", record["firmware"]),
        ("hardware", f"{_amperes(record['hardware_limit_ma'])} A at most"),
        (
            "set before",
            "no limit" if before == CURRENT_MAX_MA else f"{_amperes(before)} A",
        ),
        ("tested with", record["program"]),
    )
    for name, value in rows:
        table.add_row(Text(name), Text(str(value or "?")))
    return table


def _steps(ramp: Ramp) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 1))
    for heading in (
        "wanted\nA",
        "offered\nA",
        "L1\nA",
        "L2\nA",
        "L3\nA",
        "voltage\nV",
        "power\nkW",
        "phases\n",
        "took\ns",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("\n", no_wrap=True)
    for step in ramp.steps:
        table.add_row(*_cells(step), style=_style_of(step))
    if ramp.stop.verdict is not Verdict.NOT_DONE:
        table.add_row(*_cells(ramp.stop), style=_style_of(ramp.stop))
    return table


def _cells(step: Step) -> Iterator[str]:
    load = step.load
    yield _amperes(step.wanted) if step.wanted else "stop"
    if load is None:
        yield from ["–"] * 7
    else:
        yield _amperes(load.offered)
        yield from map(_amperes, load.currents)
        yield " ".join(map(str, load.voltages))
        yield f"{load.power / 1e6:.2f}"
        yield str(load.phases)
    yield "–" if step.took_s is None else f"{step.took_s:.0f}"
    yield str(step.verdict)


def _style_of(step: Step) -> str:
    return "red" if step.verdict in FAILURES else ""


def _amperes(milliampere: object) -> str:
    if not isinstance(milliampere, int):
        return "?"
    return f"{milliampere / 1000:.1f}"


def _remarks(record: Mapping[str, Any], ramp: Ramp) -> Iterator[Text]:
    yield Text(TOLERANCE_IN_WORDS, "dim")
    yield from map(Text, _of_steps(ramp))
    if ramp.ended_by:
        yield Text(f"Ended before its time: {ramp.ended_by}.", "bold")
    if ramp.left:
        yield Text(f"NOT SET BACK: {ramp.left}.", "bold red")
    elif ramp.set_back:
        done = ", ".join(map(str, ramp.set_back))
        yield Text(f"Set back afterwards: {done}; read back.")
    before = record["limit_before_ma"]
    if ramp.highest < before and ramp.set_back:
        yield Text(
            f"That is max_curr of this station; before it was "
            f"{_amperes(before)} A."
        )
    if ramp.afterwards:
        told = sentence(ramp.afterwards.code, ramp.afterwards.evidence)
        yield Text(f"Now the station {told}")


def _of_steps(ramp: Ramp) -> Iterator[str]:
    for step in ramp.steps:
        amperes = _amperes(step.wanted)
        if step.verdict is Verdict.NOT_OFFERED:
            yield (
                f"{amperes} A were not offered; `limited_by` is "
                f"{step.limited_by or 'unknown'}, see docs/troubleshooting.md."
            )
        if step.load and step.load.is_uneven:
            yield f"At {amperes} A the phases differ."
    verdicts = {step.verdict for step in ramp.steps}
    if Verdict.NOT_MEASURED in verdicts:
        yield (
            "It charges, but measures no current: it has no meter, or report "
            "3 does not come."
        )
    if Verdict.NOTHING in verdicts:
        yield (
            "A vehicle that is full, has a timer or refuses a current this "
            "small draws nothing."
        )
