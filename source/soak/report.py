"""The report of a run, for people as Markdown and for machines as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from soak.invariants.process import MIB
from testbed.tables import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from soak.invariants.breach import Breach, Finding
    from soak.invariants.process import Sample
    from soak.timeline import Phase

ROWS_OF_FIGURES = 20
BREACHES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FaultTally:
    """How often a fault came, for how long, and what it took to recover.

    Parameters
    ----------
    slowest_recovery_s
        The slowest time from its end until the stations that it was about
        were online with fresh values; other faults may have gone on. None
        if it never ended in time to be seen.
    """

    name: str
    times: int
    total_s: float
    slowest_recovery_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that there is to tell about a run.

    Parameters
    ----------
    is_armed
        Whether stations were armed and their settings restored.
    was_interrupted
        Whether somebody ended it early.
    is_alone
        Whether it had a network namespace of its own.
    began_at
        The moment by the monotonic clock from which all others count.
    slowest_calm_s
        The slowest recovery of all stations after the last fault of a cycle.
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
    faults: Sequence[FaultTally]
    findings: Sequence[Finding]
    failure: str
    breaches: Sequence[Breach]
    samples: Sequence[Sample]
    slowest_calm_s: float
    to_stations: int
    from_stations: int
    from_unknown_senders: int
    values: int
    messages: int
    lives: int

    @property
    def broken(self) -> int:
        """How often a promise was broken."""
        return sum(finding.breaches for finding in self.findings)


def write(report: Report, folder: Path) -> Path:
    """Write `soak.md` and `soak.json`; return the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "soak.md"
    path.write_text(as_markdown(report), "utf-8")
    content = json.dumps(asdict(report), indent=1, ensure_ascii=False)
    (folder / "soak.json").write_text(content + "\n", "utf-8")
    return path


def as_markdown(report: Report) -> str:
    """Return the report for people."""
    parts = (
        "# Endurance run",
        _verdict(report),
        _about(report),
        "## Invariants",
        _invariants(report.findings),
        *_broken(report),
        "## Faults",
        _FAULTS_EXPLAINED,
        _faults(report.faults),
        "## Memory, threads and files",
        _FIGURES_EXPLAINED,
        _figures(report),
        "## How it is done",
        _METHOD,
    )
    return "\n\n".join(parts) + "\n"


def _verdict(report: Report) -> str:
    ran = f"{clock(report.lasted_s)} of real time"
    if report.was_interrupted:
        ran += f", ended early: {clock(report.asked_s)} had been asked for"
    if report.failure:
        ran += f", ended by a failure of the run itself: {report.failure}"
    if report.broken:
        return f"**{report.broken} broken promises** in {ran}."
    return f"**No promise was broken** in {ran}."


def _about(report: Report) -> str:
    network = (
        "a network namespace of its own"
        if report.is_alone
        else "the loopback network of the machine"
    )
    datagrams = (
        f"{report.to_stations} to stations, {report.from_stations} from them, "
        f"{report.from_unknown_senders} from unknown senders"
    )
    rows = [
        ("command", command_of(report)),
        ("date", report.date),
        ("ran for", f"{clock(report.lasted_s)} (hours:minutes:seconds)"),
        ("stations", _stations(report)),
        ("network", network),
        ("datagrams", datagrams),
        ("values judged", f"{report.values}"),
        ("MQTT messages judged", f"{report.messages}"),
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


def _invariants(findings: Iterable[Finding]) -> str:
    rows = [
        (
            one.invariant,
            one.measured,
            one.limit,
            f"**{one.verdict}**" if one.breaches else one.verdict,
        )
        for one in findings
    ]
    return markdown_table(("invariant", "measured", "limit", "verdict"), rows)


def _broken(report: Report) -> list[str]:
    if not report.breaches:
        return []
    lines = [
        f"* {clock(one.at - report.began_at)} **{one.invariant}**: "
        f"{_in_one_line(one.evidence)}"
        for one in report.breaches[:BREACHES_SHOWN]
    ]
    left = report.broken - len(lines)
    if left:
        lines.append(f"* and {left} more, see `soak.json`")
    return ["## Broken promises", "\n".join(lines)]


def _in_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:399]}…"


def _faults(faults: Iterable[FaultTally]) -> str:
    rows = [
        (
            one.name,
            f"{one.times}",
            f"{one.total_s:.0f} s",
            "–"
            if one.slowest_recovery_s is None
            else f"{one.slowest_recovery_s:.1f} s",
        )
        for one in faults
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


def progress_line(
    *,
    elapsed_s: float,
    active: Sequence[Phase],
    datagrams: int,
    values: int,
    broken: int,
    sample: Sample | None,
) -> str:
    """Tell what is on at the moment and what was counted so far."""
    faults = " + ".join(map(str, active)) or "calm"
    process = "no process"
    if sample is not None:
        process = (
            f"{sample.rss / MIB:.1f} MiB, {sample.threads} threads, "
            f"{sample.files} files"
        )
    return (
        f"{clock(elapsed_s)}  {datagrams} datagrams, {values} values, "
        f"{broken} broken; {process}; {faults}"
    )


def clock(seconds: float) -> str:
    """Return a time as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


_FAULTS_EXPLAINED = """\
One to three faults at a time, then calm. Recovery counts from the end of the
fault until all stations that it was about (all, where it was about none in
particular) are online with fresh values. Other faults may still go on then, so
a figure here may be longer than the limit, which counts from the last end."""

_FIGURES_EXPLAINED = """\
Each row is a calm: all stations are back and all setpoints are in force."""

_METHOD = """\
* The connector is the real process between simulated stations on real sockets
  and a real Mosquitto. A controller writes setpoints all the time.
* Pauses are measured by the kernel's stamps of arrival, before anything is lost
  or delayed. After kill -9 the new process cannot know when the old one spoke;
  pauses that began before its start are excused and counted.
* Each station has a serial number, limits and meter readings that no other one
  has. A value must be one that its station has put on the wire in the ten
  minutes before. Where datagrams were damaged (by the network or by the
  station), nobody can tell what the station meant: there, and for a minute
  afterwards, only foreign serial numbers and forged numbers count.
* Setpoints go out with QoS 0, as BEMCom's API sends them: what is written while
  broker or connector are down is lost. A station may hear nothing that was not
  written and no older current after a newer one. In each calm every setpoint is
  written once more; it must be in force soon, and its result must say so.
* The clock is stepped for the connector alone: a hook shifts what Python's
  `time.time` tells in its process. The monotonic clock is not touched, as it
  is not when a real clock is set.
* The order of times on a topic is not judged for ten seconds after a step of
  the clock or a start of the connector; for a minute, if the broker was away in
  the last minute. After each outage of the broker a topic may go back once:
  what it has not provably read is published once more, in order.
* Memory is looked at in calms only, without the first five minutes of each
  process. A process does not give back what it once needed (values kept while
  the broker did not read, at most 50,000), which comes in steps. So the slope
  is the growth in most intervals between two calms, which finds a leak that
  never stops. What comes in steps is bounded as well: by what a process has
  gained in all, from its first calm after the five minutes to its largest."""
