from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.actions import Answer, Fail, PlugIn, Say, Silence
from simulator.scenario import Scenario, ScenarioError, Step
from simulator.scenario_file import load_scenario
from simulator.station import SimulatedStation
from simulator.tests.talking import look
from simulator.vehicle import Vehicle

if TYPE_CHECKING:
    from pathlib import Path

DAY = """
repeat_s = 600

[[step]]
at_s = 5
do = "plug_in"
phases = 1
needs_wh = 5000

[[step]]
at_s = 300
do = "silence"
requests = ["report 2"]

[[step]]
at_s = 310.5
do = "answer"
"""


PLUG_IN = '[[step]]\nat_s = 1\ndo = "plug_in"'


def step(word: str, more: str) -> str:
    return f'[[step]]\nat_s = 1\ndo = "{word}"\n{more}'


def test_a_file_in_toml_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day.toml"
    path.write_text(DAY)
    assert load_scenario(path) == Scenario(
        "day",
        (
            Step(5.0, PlugIn(Vehicle(phases=1, needs_wh=5000))),
            Step(300.0, Silence(("report 2",))),
            Step(310.5, Answer()),
        ),
        repeat_s=600,
    )


def test_a_file_in_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "short.json"
    path.write_text('{"step": [{"at_s": 1, "do": "fail", "error1": 8}]}')
    scenario = load_scenario(path)
    assert scenario.steps == (Step(1.0, Fail(error1=8)),)
    garage = SimulatedStation("garage", scenario=scenario)
    assert look(garage, 2, now=2.0)["Error1"] == 8


def test_a_file_can_make_a_station_say_anything(tmp_path: Path) -> None:
    path = tmp_path / "loud.json"
    path.write_text('{"step": [{"at_s": 1, "do": "say", "datagrams": ["x"]}]}')

    assert load_scenario(path).steps == (Step(1.0, Say(("x",))),)


def test_a_whole_number_may_be_written_with_a_point(tmp_path: Path) -> None:
    path = tmp_path / "day.toml"
    path.write_text(f"{PLUG_IN}\nmax_current = 16000.0")
    (step,) = load_scenario(path).steps
    assert isinstance(step.action, PlugIn)
    assert repr(step.action.vehicle.max_current) == "16000"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "step is missing"),
        ("step = 3", "step = 3 is no list of tables"),
        ("step = [3]", "step 1: 3 is no table"),
        ("repeats = 3\n[[step]]", "known are repeat_s, step"),
        ("[[step]]\nat_s = 1", "step 1: do is missing"),
        ('[[step]]\ndo = "unplug"', "step 1: at_s is missing"),
        ('[[step]]\nat_s = 1\ndo = "fly"', 'do = "fly" is none of plug_in'),
        ("[[step]]\nat_s = 1\ndo = []", r"do = \[\] is none of plug_in"),
        (f"{PLUG_IN}\nphases = 5", "phases = 5 is not a whole number from 1"),
        (f"{PLUG_IN}\nmax_current = 16000.5", "max_current = 16000.5 is not"),
        (f"{PLUG_IN}\nmax_current = nan", "max_current = NaN is not a whole"),
        (f"{PLUG_IN}\nphases = true", "phases = true is not a whole number"),
        (f'{PLUG_IN}\nneeds_wh = "1"', 'needs_wh = "1" is not a number'),
        (f"{PLUG_IN}\nneeds_wh = inf", "needs_wh = Infinity is not a number"),
        (f"{PLUG_IN}\nramp_s = -1", "ramp_s = -1 is not a number of at least"),
        (f"{PLUG_IN}\nwhy = 1", '"why" is unknown here; known are at_s, do,'),
        (step("silence", 'requests = "i"'), "requests = .* is no list of"),
        (step("silence", "requests = [2]"), "holds 2, which is no text"),
        (step("silence", 'requests = ["é"]'), "that no request has"),
        (step("say", 'datagrams = ["€"]'), "step 1: datagrams = .* cannot be"),
        (step("say", f'datagrams = ["{"x" * 65_508}"]'), "longer than 65507"),
        (step("say", ""), "step 1: datagrams is missing"),
        (step("show_card", ""), "tag is missing"),
        (step("show_card", 'tag = "é"'), "16 hexadecimal digits"),
        (step("set_input", "value = 2"), "value = 2 is not a whole number"),
        (step("fail", "error1 = 1.5"), "error1 = 1.5 is not a whole number"),
        (step("answer_late", "seconds = nan"), "seconds = NaN is not"),
        ('[[step]]\nat_s = -1\ndo = "unplug"', "at_s = -1 is not a number"),
        ('[[step]]\nat_s = nan\ndo = "unplug"', "at_s = NaN is not a number"),
        ('[[step]]\nat_s = inf\ndo = "unplug"', "at_s = Infinity is not a"),
        (f"[[step]]\nat_s = {10**400}\ndo = 'fail'", "at_s = 1000.*… is not"),
        (f"repeat_s = 1\n{step('unplug', '')}", "repeat_s is 1"),
        (f"repeat_s = nan\n{step('unplug', '')}", "repeat_s = NaN is not"),
        (f'repeat_s = "x"\n{step("unplug", "")}', 'repeat_s = "x" is not'),
        ("repeat_s = 0.1\nstep = []", "repeat_s = 0.1 is not a number of"),
        ("this is no toml", "it is no TOML: Expected"),
        (f"x = {'9' * 5_000}", "it is no TOML: .* digits"),
        # In JSON.
        (b"null", "no table with repeat_s and step"),
        (b"[1]", "no table with repeat_s and step"),
        (b"{", "it is no JSON: "),
        (b"\xff", "it is no JSON: 'utf-8'"),
        (b"[" * 100_000, "it is no JSON: maximum recursion"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_with_the_reason(
    tmp_path: Path, text: str | bytes, reason: str
) -> None:
    path = tmp_path / "bad"
    if isinstance(text, str):
        path = path.with_suffix(".toml")
        path.write_text(text, "utf-8")
    else:
        path = path.with_suffix(".json")
        path.write_bytes(text)
    with pytest.raises(ScenarioError, match=reason) as caught:
        load_scenario(path)
    assert str(caught.value).startswith(f"{path.name}: ")
