"""The record of a commissioning test: for machines, and to be filed."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from connector.keba.protocol.fields import CURRENT_MAX_MA
from connector.tools.figures import moment_in_words
from connector.tools.ramp_course import (
    FAILURES,
    TOLERANCE_MA,
    Ramp,
    Step,
    Verdict,
)
from connector.tools.terminal import place_in_words, printable

WIDTH = 80
"""A sheet of paper has as many columns."""

COLUMNS = "{:>7} {:>7} {:>4} {:>4} {:>4} {:>11} {:>5} {:>6} {:>4} {}"
HEAD = (
    " wanted offered   L1   L2   L3     voltage power phases took",
    "      A       A    A    A    A           V    kW           s",
)

TOLERANCE_IN_WORDS = (
    "A phase may draw 1.0 A more than is offered: a percent of the pilot "
    "signal, which tells the vehicle its limit, is 0.6 A, and station, "
    "vehicle and meter each err a little. A vehicle may always draw less."
)

REMARKS = {
    Verdict.NOT_MEASURED: "It charges, but measures no current: it has no "
    "meter, or report 3 does not come.",
    Verdict.DRAWS_NOTHING: "A vehicle that is full, has a timer or refuses a "
    "current this small draws nothing.",
}


def record_of(
    ramp: Ramp, *, host: str, version: str, began_ms: int
) -> dict[str, Any]:
    """Return the record for machines: mA, V, mW and seconds.

    The version is this program's.
    """
    fields = ramp.facts.fields
    return {
        "began": moment_in_words(began_ms),
        "began_ms": began_ms,
        "station": ramp.facts.station,
        "host": host,
        "product": fields.get("Product"),
        "serial": fields.get("Serial"),
        "firmware": fields.get("Firmware"),
        "hardware_limit_ma": ramp.facts.number("Curr HW"),
        "limit_before_ma": ramp.current_before,
        "tolerance_ma": TOLERANCE_MA,
        "steps": [asdict(step) for step in ramp.steps],
        "stop": asdict(ramp.stop),
        "ended_by": ramp.ended_by,
        "set_back": [str(command) for command in ramp.set_back],
        "not_set_back": ramp.left,
        "result": str(ramp.result),
        "program": f"keba ramp {version}",
    }


# --- for people ---------------------------------------------------------------


def sheet_of(record: Mapping[str, Any], ramp: Ramp) -> str:
    """Return the record as a sheet of 80 columns."""
    before = ramp.current_before
    who = {
        "date": record["began"],
        "station": place_in_words(record["station"], record["host"]),
        "product": record["product"],
        "serial": record["serial"],
        "firmware": record["firmware"],
        "hardware": f"{_amperes(record['hardware_limit_ma'])} A at most",
        "set before": f"{_amperes(before)} A",
        "tested with": record["program"],
    }
    if before == CURRENT_MAX_MA:
        who["set before"] = "no limit"
    lines = ["Commissioning test of a charge station"]
    for name, value in who.items():
        lines.append(f"  {name:<11}  {printable(str(value or '?'))}")
    lines += ["", *HEAD, *map(_line_of, ramp.steps)]
    if ramp.stop.verdict is not Verdict.NOT_DONE:
        lines.append(_line_of(ramp.stop))
    lines.append("")
    for remark in _remarks(ramp):
        lines += textwrap.wrap(remark, WIDTH)
    lines += ["", f"Result: {ramp.result}", ""]
    lines.append(f"Tested by {'_' * 29}  Signature {'_' * 28}")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _line_of(step: Step) -> str:
    verdict = step.verdict.replace("_", " ")
    return COLUMNS.format(
        _amperes(step.wanted_ma) if step.wanted_ma else "stop",
        _amperes(step.offered_ma),
        *map(_amperes, step.drawn_ma or (None, None, None)),
        " ".join(map(str, step.volt or ("–",))),
        "–" if step.power_mw is None else f"{step.power_mw / 1e6:.2f}",
        "–" if step.phases is None else step.phases,
        "–" if step.took_s is None else f"{step.took_s:.0f}",
        verdict.upper() if step.verdict in FAILURES else verdict,
    )


def _amperes(milliampere: int | None) -> str:
    return "–" if milliampere is None else f"{milliampere / 1000:.1f}"


def _remarks(ramp: Ramp) -> Iterator[str]:
    yield TOLERANCE_IN_WORDS
    for step in ramp.steps:
        if step.verdict is Verdict.NOT_OFFERED:
            yield (
                f"{_amperes(step.wanted_ma)} A were not offered; `limited_by` "
                f"is {step.limited_by or 'unknown'}, see "
                "docs/troubleshooting.md."
            )
    verdicts = {step.verdict for step in ramp.steps}
    yield from (text for one, text in REMARKS.items() if one in verdicts)
    if ramp.ended_by:
        yield f"Ended before its time: {ramp.ended_by}."
    if ramp.left:
        yield f"NOT SET BACK: {ramp.left}."
    elif ramp.set_back:
        done = ", ".join(map(str, ramp.set_back))
        yield f"Set back afterwards: {done}; read back."
        if ramp.highest < ramp.current_before:
            yield "That is max_curr of this station."
