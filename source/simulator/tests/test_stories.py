"""What report 2 shows after a story, whose steps are 40 s apart.

A step is a command, which is acknowledged, or what may be typed to the
simulator.
"""

import pytest

from simulator.actions import ACTIONS
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.tests.talking import ask, shown
from simulator.typed_lines import SHORT, read_line

PAUSE_S = 40.0
TAG = "e3f76b8d00000000"
OTHER = "f" * 16

STORIES = {
    "p30-c": [
        ("plug", "State 3, Plug 7, Enable sys 1, Max curr 32000"),
        ("plug; unplug", "State 1, Plug 3, Max curr 0"),
        # A vehicle that was never offered anything is not interrupted.
        ("ena 0; plug", "State 1, Plug 7"),
        ("plug; unplug; ena 0; plug", "State 1, Plug 7"),
        ("plug; ena 0", "State 5, Enable sys 0, Enable user 0"),
        ("plug; ena 2", "Enable user 0"),
        ("plug; ena 7", "Enable user 0"),
        ("plug; ena 0; ena 1", "State 3, Enable sys 1, Enable user 1"),
        ("curr 50000; plug", "Curr user 50000, Max curr 32000"),
        ("curr 10000; curr 63000", "Curr user 63000"),
        ("plug; curr 10000", "State 3, Curr user 10000, Max curr 10000"),
        ("plug; curr 10000; ena 0; unplug", "Curr user 10000, Enable user 0"),
        ("plug; curr 10000; ena 0; reboot", "Curr user 63000, Enable user 1"),
        # `currtime` ends with the session. A current of zero stops, and leaves
        # the current as it was.
        ("plug; curr 10000; currtime 0 1", "Curr user 10000, Enable user 0"),
        ("plug; currtime 9000 60; currtime 0 0", "Curr user 63000, Tmo CT 0"),
        ("plug; ena 0; currtime 6000 1", "State 3, Curr user 6000"),
        ("plug; currtime 10000 1; unplug", "Curr user 63000, Curr timer 0"),
        ("plug; currtime 0 1; unplug", "Enable user 1, Curr timer 0"),
        ("currtime 6000 860400", "Curr timer 6000, Tmo CT 860360"),
        ("plug; currtime 8000 500; reboot", "Curr timer 0, Tmo CT 0"),
        # What has forbidden the next session before goes on forbidding it.
        ("plug; ena 0; currtime 0 1; unplug", "Enable user 0"),
        # 50 Wh are reached at once, 10 kWh are not.
        ("plug; setenergy 500", "State 5, Enable user 0, Setenergy 500"),
        ("plug; setenergy 500; ena 1", "State 3, Setenergy 0"),
        ("plug; setenergy 500; currtime 9000 1", "State 3, Enable user 1"),
        ("plug; setenergy 500; unplug", "Enable user 1, Setenergy 0"),
        ("setenergy 999999999", "Setenergy 999999999"),
        ("plug; setenergy 100000", "State 3, Setenergy 100000"),
        ("plug; setenergy 100000; ena 1", "State 3, Setenergy 100000"),
        ("plug; setenergy 100000; unplug", "Setenergy 0"),
        # Pulses are stored, the relay is not.
        ("plug; output 1", "Output 1"),
        ("plug; output 1; unplug", "Output 0"),
        ("output 1; output 151", "Output 0"),
        ("plug; output 100; unplug", "Output 100"),
        ("output 100; output 1", "Output 1"),
        ("output 100; output 1; reboot", "Output 100"),
        ("failsafe 60 6000 0; reboot", "Tmo FS 0, Curr FS 0"),
        ("failsafe 60 6000 1; reboot", "Tmo FS 60, Curr FS 6000"),
        ("plug; failsafe 10 0 0", "State 5, Enable sys 0"),
        ("plug; failsafe 10 0 0; failsafe 600 0 0", "State 5, Enable sys 0"),
        ("plug; failsafe 10 0 0; failsafe 0 0 0", "State 3, Enable sys 1"),
        ("x2src 4; currtime 6000 1", "X2 phaseSwitch 0"),
        ("x2src 4; curr 6000", "X2 phaseSwitch 1"),
        # X1 is only shown where it is not used.
        ("input 1; input 0; plug", "State 3, Input 0"),
        ("plug; fault", "State 4, Max curr 0, Error1 6, Error2 32769"),
        ("plug; fault; recover", "State 3, Error1 0, Error2 0"),
    ],
    "p30-3.9": [
        ("", "Plug 0, Curr HW 0"),
        ("plug", "Plug 7, Curr HW 20000"),
        ("plug; unlock", "State 3, Plug 7"),
        ("plug; ena 0; unlock", "Plug 5"),
        ("plug; ena 0; unlock; ena 1", "State 3, Plug 7"),
        ("plug; ena 0; unlock; currtime 10000 1", "State 3, Plug 7"),
    ],
    "p30-stays-interrupted": [
        ("plug; currtime 0 1; currtime 16000 1", "State 5"),
        ("plug; ena 0; ena 1; unplug; plug", "State 3"),
    ],
    "p30-input": [
        ("plug", "State 1, Enable sys 0, Input 0"),
        ("plug; input 1", "State 3, Enable sys 1, Input 1"),
    ],
    # The table of guide V2.01, pages 11 and 12.
    "p30-rfid": [
        ("", "State 1, Plug 3, AuthON 1, Authreq 1, Enable sys 0"),
        ("", "Enable user 1"),
        (f"card {TAG}", "State 1, Plug 3, AuthON 1, Authreq 0"),
        (f"card {TAG.upper()}", "Authreq 0"),
        (f"card {OTHER}", "State 1, Plug 3, AuthON 1, Authreq 1"),
        (f"start {OTHER}", "Authreq 1"),
        ("start", "Authreq 0"),
        ("start; stop", "Authreq 1"),
        (f"card {TAG}; plug", "State 3, Plug 7, AuthON 1, Authreq 0"),
        ("plug", "State 1, Plug 7, AuthON 1, Authreq 1"),
        (f"plug; card {TAG}", "State 3, Plug 7, AuthON 1, Authreq 0"),
        (f"plug; card {TAG}; card {TAG}", "State 1, Plug 7, Authreq 1"),
        (f"card {TAG}; plug; stop {TAG}", "State 1, Plug 7, Authreq 1"),
        (f"card {TAG}; plug; unplug", "State 1, Plug 3, Authreq 1"),
        (f"card {TAG}; plug; ena 0; ena 1", "State 1, Plug 7, Authreq 1"),
    ],
}


@pytest.mark.parametrize(
    ("profile", "story", "ending"),
    [
        (profile, story, ending)
        for profile, stories in STORIES.items()
        for story, ending in stories
    ],
)
def test_a_story_ends_with(profile: str, story: str, ending: str) -> None:
    station = SimulatedStation("garage", PROFILES[profile])
    now = 0.0
    for step in filter(None, story.split("; ")):
        if step.split()[0] in SHORT.keys() | ACTIONS.keys():
            station.perform(read_line(step, ["garage"]).action, now)
        else:
            assert ask(station, step, now) == "TCH-OK :done\n"
        now += PAUSE_S

    fields = [field.rpartition(" ") for field in ending.split(", ")]
    names = [name for name, _, _ in fields]
    assert shown(station, 2, now, *names) == tuple(
        int(value) for _, _, value in fields
    )
