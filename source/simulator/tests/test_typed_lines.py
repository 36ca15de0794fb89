"""What can be typed to a running simulator."""

import re

import pytest

from simulator.actions import (
    ACTIONS,
    Action,
    Answer,
    AnswerLate,
    Fail,
    PlugIn,
    Reboot,
    Say,
    SetInput,
    ShowCard,
    Silence,
    Unplug,
)
from simulator.scenario import ScenarioError
from simulator.typed_lines import Order, help_lines, read_line
from simulator.vehicle import Vehicle

TAG = "1234567890123456"


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("plug garage", PlugIn()),
        ("plug_in garage", PlugIn()),
        (
            "plug garage phases=1 needs_wh=5000",
            PlugIn(Vehicle(phases=1, needs_wh=5_000)),
        ),
        ("unplug garage", Unplug()),
        (f"card garage {TAG}", ShowCard(TAG)),
        (f"card garage tag={TAG}", ShowCard(TAG)),
        ("fault garage", Fail()),
        ("fault garage 8", Fail(error1=8)),
        ("reboot garage", Reboot()),
        ("input garage 1", SetInput(1)),
        ("silence garage", Silence()),
        ("silence garage report 2,report 3", Silence(("report 2", "report 3"))),
        ("answer garage", Answer()),
        ("answer_late garage 0.5", AnswerLate(0.5)),
        ('say garage {"State": 9}', Say(('{"State": 9}',))),
        ("  unplug   garage  ", Unplug()),
    ],
)
def test_a_line_is_an_action_of_a_station(line: str, action: Action) -> None:
    assert read_line(line, ["garage", "yard"]) == Order("garage", action)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("plug", PlugIn()),
        ("plug phases=1", PlugIn(Vehicle(phases=1))),
        ("input 0", SetInput(0)),
        ("silence report 2", Silence(("report 2",))),
    ],
)
def test_a_station_that_is_alone_need_not_be_named(
    line: str, action: Action
) -> None:
    assert read_line(line, ["garage"]) == Order("garage", action)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("plg garage", "'plg' is none of plug, unplug, card, .*`help`"),
        ("plug", "which station. There are garage, yard"),
        ("plug attic", "which station. There are garage, yard"),
        ("plug garage phase=1", '"phase" is unknown here; known are phases,'),
        ("plug garage phases=5", "phases = 5 is not a whole number from 1"),
        ("plug garage phases=two", 'phases = "two" is not a whole number'),
        ("plug garage 1", "plug: '1' is no station, nor needed"),
        ("card garage", "card: tag is missing"),
        ("card garage 12", "tag = 12 is not a text of 16 hexadecimal digits"),
        ("input garage", "input: value is missing"),
        ("unplug garage now", "unplug: 'now' is no station, nor needed"),
        ("input garage 0 1", "input: '1' is no station, nor needed"),
        ("answer_late garage 1e999", "seconds = Infinity is not a number"),
    ],
)
def test_a_line_that_cannot_be_done_is_refused_with_what_is_known(
    line: str, reason: str
) -> None:
    with pytest.raises(ScenarioError, match=reason):
        read_line(line, ["garage", "yard"])


def test_help_names_every_word_and_what_it_needs() -> None:
    said = "\n".join(help_lines(["garage"]))
    assert all(re.search(rf"\b{word}\b", said) for word in ACTIONS)
    assert "plug or plug_in [phases= max_current=" in said
    assert "card or show_card tag= [rfid_class=]" in said
    assert "An RFID card is held to the reader" in said
