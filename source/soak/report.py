"""The report of a run, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soak.invariants.process import MIB
from testbed.tables import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from soak.invariants.breach import Invariant
    from soak.invariants.process import Sample
    from soak.judge import Judge

_PAGE = Path(__file__).with_name("page.md")

ROWS_OF_FIGURES = 20
BREACHES_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that there is to tell about a run.

    Parameters
    ----------
    is_alone
        Whether it had a network namespace of its own.
    began_at
        The moment by the monotonic clock from which all others count.
    faults
        How long each fault lasted each time it came, by its name.
    lives
        How many processes of the connector there were.
    failure
        What ended the run itself before its time; empty if nothing did.
    """

    machine: Mapping[str, str]
    date: str
    seed: int
    stations: int
    is_armed: bool
    asked_s: float
    lasted_s: float
    was_interrupted: bool
    is_alone: bool
    began_at: float
    faults: Mapping[str, Sequence[float]]
    failure: str
    judge: Judge
    samples: Sequence[Sample]
    from_unknown_senders: int
    lives: int


def write(report: Report, folder: Path) -> Path:
    """Write `soak.md`; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "soak.md"
    path.write_text(as_markdown(report), "utf-8")
    return path


def as_markdown(report: Report) -> str:
    """Return the report for people."""
    return _PAGE.read_text("utf-8").format(
        verdict=_verdict(report),
        about=_about(report),
        invariants=_invariants(report.judge.invariants),
        broken=_broken(report),
        faults=_faults(report),
        figures=_figures(report),
    )


def _verdict(report: Report) -> str:
    ran = f"{clock(report.lasted_s)} of real time"
    if report.was_interrupted:
        ran += f", ended early: {clock(report.asked_s)} had been asked for"
    if report.failure:
        ran += f", ended by a failure of the run itself: {report.failure}"
    if report.judge.broken:
        return f"**{report.judge.broken} broken promises** in {ran}."
    return f"**No promise was broken** in {ran}."


def _about(report: Report) -> str:
    judge = report.judge
    network = (
        "a network namespace of its own"
        if report.is_alone
        else "the loopback network of the machine"
    )
    datagrams = (
        f"{judge.pauses.heard} to stations, "
        f"{judge.datagrams_of_stations} from them, "
        f"{report.from_unknown_senders} from unknown senders"
    )
    rows = [
        ("command", command_of(report)),
        ("date", report.date),
        ("ran for", f"{clock(report.lasted_s)} (hours:minutes:seconds)"),
        ("stations", _stations(report)),
        ("network", network),
        ("datagrams", datagrams),
        ("values judged", f"{judge.values}"),
        ("MQTT messages judged", f"{judge.payloads.judged}"),
        ("connector processes", f"{report.lives}, one more after each kill -9"),
        *report.machine.items(),
    ]
    return markdown_table(("what", "this run"), rows)


def command_of(report: Report) -> str:
    """Return the command that repeats the run."""
    failsafe = " --failsafe" if report.is_armed else ""
    return (
        f'`make soak SOAK="--seconds {report.asked_s:g} --stations '
        f'{report.stations} --seed {report.seed}{failsafe}"`'
    )


def _stations(report: Report) -> str:
    stations = f"{report.stations}, of different models, all charging"
    if report.is_armed:
        stations += "; failsafe mode armed, settings restored"
    return stations


def _invariants(invariants: Iterable[Invariant]) -> str:
    rows = [
        (
            one.name,
            one.measured(),
            one.limit,
            f"**{one.verdict}**" if one.broken else one.verdict,
        )
        for one in invariants
    ]
    return markdown_table(("invariant", "measured", "limit", "verdict"), rows)


def _broken(report: Report) -> str:
    breaches = report.judge.breaches[:BREACHES_SHOWN]
    if not breaches:
        return ""
    lines = [
        f"* {clock(one.at - report.began_at)} **{one.invariant}**: "
        f"{_in_one_line(one.evidence)}"
        for one in breaches
    ]
    left = report.judge.broken - len(lines)
    if left:
        lines.append(f"* and {left} more")
    return "\n".join(["## Broken promises", "", *lines, "", ""])


def _in_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:399]}…"


def _faults(report: Report) -> str:
    slowest_s = report.judge.recovery.slowest_s
    rows = [
        (
            name,
            f"{len(lasted_s)}",
            f"{sum(lasted_s):.0f} s",
            f"{slowest_s[name]:.1f} s" if name in slowest_s else "–",
        )
        for name, lasted_s in report.faults.items()
    ]
    return markdown_table(
        ("fault", "times", "in all", "slowest recovery"), rows
    )


def _figures(report: Report) -> str:
    rows = [
        (
            clock(one.at - report.began_at),
            f"{one.life}",
            f"{one.rss / MIB:.1f}",
            f"{one.threads}",
            f"{one.files}",
            f"{one.cpu_s:.1f}",
        )
        for one in thinned(report.samples)
    ]
    return markdown_table(
        ("at", "process", "MiB", "threads", "files", "CPU s"), rows
    )


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """Return a few samples, evenly spread; the first and the last stay."""
    if len(samples) <= ROWS_OF_FIGURES:
        return [*samples]
    last = len(samples) - 1
    places = {
        round(number * last / (ROWS_OF_FIGURES - 1))
        for number in range(ROWS_OF_FIGURES)
    }
    return [samples[place] for place in sorted(places)]


def clock(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
