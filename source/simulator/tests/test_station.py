"""How a station talks: to whom, when, and when not."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.actions import (
    Answer,
    AnswerLate,
    PlugIn,
    Reboot,
    Say,
    Silence,
    Unplug,
)
from simulator.profiles import PROFILES
from simulator.station import SimulatedStation
from simulator.tests.talking import (
    BRISK,
    CLIENT,
    ask,
    look,
    pushes,
    reply,
    start_charging,
)
from simulator.vehicle import Vehicle
from simulator.wire import KEBA_PORT, Outgoing


def quirky(profile: str) -> SimulatedStation:
    return SimulatedStation("garage", PROFILES[profile])


def test_a_reply_goes_to_port_7090_whatever_port_asked(
    garage: SimulatedStation,
) -> None:
    (out,) = garage.receive(b"report 1", 0.0, ("192.0.2.7", 43521))
    assert out.to == ("192.0.2.7", 7090)


def test_a_reply_takes_2_to_10_ms(garage: SimulatedStation) -> None:
    delays = [
        garage.receive(b"i", float(now), CLIENT)[-1].at - now
        for now in range(100)
    ]
    assert min(delays) >= 0.002
    assert max(delays) <= 0.010 + 1e-9
    assert max(delays) - min(delays) > 0.004


@given(st.binary(max_size=600))
def test_no_datagram_whatever_harms_a_station(data: bytes) -> None:
    garage = SimulatedStation("garage")
    garage.receive(data, 0.0)
    assert ask(garage, "i", now=1.0) is not None


@pytest.mark.io
@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 130))
def test_two_stations_never_answer_each_other(
    profile: str, number: int
) -> None:
    one, two = quirky(profile), quirky("p30-c")
    text = ask(one, f"report {number}", now=0.0)
    if text is not None:
        assert ask(two, text, now=0.0) is None


# Status messages -----------------------------------------------------------


def test_status_messages_have_one_field_and_no_line_feed(
    garage: SimulatedStation,
) -> None:
    ask(garage, "i", now=0.0)
    leaving = garage.perform(PlugIn(BRISK), 1.0)
    assert leaving == [
        Outgoing(b'{"State": 2}', 1.0, CLIENT),
        Outgoing(b'{"Plug": 7}', 1.0, CLIENT),
        Outgoing(b'{"Max curr": 32000}', 1.0, CLIENT),
    ]


def test_energy_is_told_every_10_wh(garage: SimulatedStation) -> None:
    ask(garage, "i", now=0.0)
    garage.perform(PlugIn(BRISK), 0.0)
    told = [
        json.loads(text)["E pres"]
        for text in pushes(garage.advance(60.0))
        if "E pres" in text
    ]
    assert 1 <= told[0] <= 100
    assert {b - a for a, b in itertools.pairwise(told)} == {100}
    # 11 kW for 58 s: one each 3.3 s.
    assert 17 <= len(told) <= 18


def test_status_messages_carry_their_own_moment(
    garage: SimulatedStation,
) -> None:
    ask(garage, "ena 0", now=10.0)
    (push,) = garage.advance(60.0)
    assert push == Outgoing(b'{"Enable sys": 0}', 11.0, CLIENT)


def test_without_a_client_nothing_is_told(garage: SimulatedStation) -> None:
    assert garage.perform(PlugIn(BRISK), 0.0) == []
    assert garage.advance(100.0) == []


def test_the_last_client_alone_is_told(garage: SimulatedStation) -> None:
    garage.receive(b"i", 0.0, ("192.0.2.1", 7090))
    garage.receive(b"report 2", 1.0, ("192.0.2.2", 5000))
    leaving = garage.perform(PlugIn(BRISK), 2.0)
    assert {out.to for out in leaving} == {("192.0.2.2", 7090)}


def test_a_datagram_without_answer_makes_nobody_the_last_client(
    garage: SimulatedStation,
) -> None:
    garage.receive(b"i", 0.0, ("192.0.2.1", 7090))
    garage.receive(b"nonsense", 1.0, ("192.0.2.2", 7090))
    leaving = garage.perform(PlugIn(BRISK), 2.0)
    assert {out.to for out in leaving} == {("192.0.2.1", 7090)}


def test_what_was_due_before_a_request_leaves_before_its_reply(
    garage: SimulatedStation,
) -> None:
    ask(garage, "ena 0", now=0.0)
    first, second = garage.receive(b"report 2", 5.0, CLIENT)
    assert first.data == b'{"Enable sys": 0}'
    assert b'"ID": "2"' in second.data


def test_one_firmware_tells_everything_twice() -> None:
    garage = quirky("p30-pushes-twice")
    ask(garage, "i", now=0.0)
    leaving = garage.perform(PlugIn(BRISK), 1.0)
    ports = [out.to[1] for out in leaving if out.data == b'{"State": 2}']
    assert ports == [7090, 7092]


# Silence -------------------------------------------------------------------


def test_firmware_3_10_80_answers_only_port_7090() -> None:
    garage = quirky("p30-source-port")
    assert reply(garage.receive(b"report 1", 0.0, ("127.0.0.1", 7091))) is None
    assert reply(garage.receive(b"report 1", 1.0, ("127.0.0.1", 7090)))


def test_with_dip_switch_1_3_off_only_i_and_report_1_are_answered() -> None:
    garage = quirky("p30-dsw-off")
    assert ask(garage, "i", now=0.0)
    assert look(garage, 1, now=1.0)["DIP-Sw1"] == "0x05"
    for request in ("report 2", "report 3", "report 100", "ena 1", "stop"):
        assert ask(garage, request, now=2.0) is None
    assert garage.perform(PlugIn(BRISK), 3.0) == []


def test_a_station_may_push_and_not_report_until_a_power_cycle() -> None:
    garage = quirky("p30-pushes-only")
    assert ask(garage, "report 1", now=0.0)
    assert ask(garage, "report 2", now=1.0) is None
    assert pushes(garage.perform(PlugIn(BRISK), 2.0))
    garage.perform(Reboot(), 10.0)
    assert look(garage, 2, now=20.0)["Plug"] == 7


def test_an_old_station_drops_equal_requests_within_a_second() -> None:
    garage = quirky("p20-slow")
    assert ask(garage, "report 3", now=0.0)
    assert ask(garage, "report 3", now=0.9) is None
    assert ask(garage, "report 3", now=1.0)


def test_an_old_station_answers_a_second_report_late() -> None:
    garage = quirky("p20-slow")
    ask(garage, "report 3", now=0.0)
    (late,) = garage.receive(b"report 2", 0.2, CLIENT)
    assert late.at - 0.2 > 1.0
    (quick,) = garage.receive(b"report 1", 5.0, CLIENT)
    assert quick.at - 5.0 < 0.1


def test_stations_answer_broadcasts_except_for_some() -> None:
    usual, deaf = quirky("p30-c"), quirky("p30-no-broadcast")
    assert reply(usual.receive(b"i", 0.0, CLIENT, broadcast=True))
    assert reply(deaf.receive(b"i", 0.0, CLIENT, broadcast=True)) is None
    assert ask(deaf, "i", now=1.0)


def test_a_station_can_be_silent_for_one_request(
    garage: SimulatedStation,
) -> None:
    garage.perform(Silence(("report 2",)), 0.0)
    assert ask(garage, "report 2", now=1.0) is None
    assert ask(garage, "report 3", now=1.0)
    garage.perform(Answer(), 2.0)
    assert ask(garage, "report 2", now=3.0)


def test_a_dead_station_sends_nothing_at_all(garage: SimulatedStation) -> None:
    ask(garage, "i", now=0.0)
    garage.perform(Silence(), 1.0)
    assert ask(garage, "report 1", now=2.0) is None
    assert garage.perform(PlugIn(BRISK), 3.0) == []


def test_a_station_can_answer_late(garage: SimulatedStation) -> None:
    garage.perform(AnswerLate(5.0), 0.0)
    (out,) = garage.receive(b"report 1", 1.0, CLIENT)
    assert 6.0 < out.at < 6.1
    garage.perform(Answer(), 10.0)
    (out,) = garage.receive(b"report 1", 11.0, CLIENT)
    assert out.at < 11.1


def test_a_rebooting_station_is_deaf_then_says_that_it_started(
    garage: SimulatedStation,
) -> None:
    ask(garage, "i", now=0.0)
    garage.perform(Reboot(), 10.0)
    assert ask(garage, "report 1", now=11.0) is None
    leaving = garage.advance(12.0)
    assert leaving == [Outgoing(b"started ...", 12.0, CLIENT)]
    assert ask(garage, "report 1", now=12.1)


def test_a_boot_message_needs_somebody_who_was_told_before() -> None:
    alone, switched_off = quirky("p30-c"), quirky("p30-dsw-off")
    ask(switched_off, "i", now=0.0)
    for station in (alone, switched_off):
        station.perform(Reboot(), 10.0)
        assert station.advance(60.0) == []


# Time ----------------------------------------------------------------------


def test_inside_time_can_run_faster_than_the_conversation() -> None:
    garage = SimulatedStation("garage", speed=60.0, now=100.0)
    uptime = int(look(garage, 1, now=100.0)["Sec"])
    assert look(garage, 1, now=110.0)["Sec"] == uptime + 600
    (out,) = garage.receive(b"i", 120.0, CLIENT)
    assert 0.002 <= out.at - 120.0 <= 0.010 + 1e-9


@pytest.mark.parametrize("start", [-3600.0, 0.0, 1_700_000_000.3])
@pytest.mark.parametrize("speed", [1.0, 10.0, 300.0])
def test_at_its_next_moment_something_happens(
    start: float, speed: float
) -> None:
    garage = SimulatedStation("garage", now=start, speed=speed)
    garage.perform(PlugIn(Vehicle()), start)
    for _ in range(1000):
        moment = garage.next_moment()
        garage.advance(moment)
        assert garage.next_moment() > moment


def test_a_fast_station_tells_its_next_moment_in_the_callers_time() -> None:
    garage = SimulatedStation("garage", speed=60.0, now=100.0)
    assert garage.next_moment() == math.inf
    ask(garage, "currtime 6000 60", now=100.0)
    assert garage.next_moment() == pytest.approx(101.0)


def test_a_clock_that_steps_back_changes_nothing(
    garage: SimulatedStation,
) -> None:
    start_charging(garage, 100.0)
    energy = look(garage, 3, now=200.0)["E pres"]
    assert look(garage, 3, now=50.0)["E pres"] == energy


# News ----------------------------------------------------------------------


def test_the_news_tell_what_happened_and_what_got_no_answer(
    garage: SimulatedStation,
) -> None:
    garage.perform(PlugIn(BRISK), 0.0)
    ask(garage, "hello", now=1.0)
    garage.perform(Unplug(), 2.0)
    lines = garage.take_log_lines()
    assert "-- Plug 7, vehicle plugged in and locked" in lines
    assert "-- no answer to 'hello': not a request that it knows" in lines
    assert "-- the vehicle is unplugged" in lines
    assert garage.take_log_lines() == []


def test_a_station_can_be_made_to_say_anything(
    garage: SimulatedStation,
) -> None:
    assert garage.perform(Say(("too early: nobody has asked",)), 0.5) == []
    garage.receive(b"report 1", 1.0, CLIENT)

    said = garage.perform(Say(("\xff\x00", "")), 2.0)

    to = (CLIENT[0], KEBA_PORT)
    assert said == [Outgoing(b"\xff\x00", 2.0, to), Outgoing(b"", 2.0, to)]
    garage.perform(Silence(), 3.0)
    assert garage.perform(Say(("silent",)), 4.0) == []
