"""A command that exists may be sent, and knows how its effect shows."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.keba.protocol.commands import (
    Command,
    DeciWattHour,
    Display,
    Enable,
    InvalidCommandError,
    Milliampere,
    ReportRequest,
    Seconds,
    SetCurrent,
    SetCurrentTimed,
    SetDateTime,
    SetEnergyLimit,
    SetFailsafe,
    SetOutput,
    SetPhases,
    SetPhaseSource,
    Start,
    Stop,
    Unlock,
)

TAG = "e3f76b8d00000000"
CARD_CLASS = "01010400000000000000"


def _curr(limit: int) -> Command:
    return SetCurrent(Milliampere(limit))


def _currtime(limit: int, delay: int) -> Command:
    return SetCurrentTimed(Milliampere(limit), Seconds(delay))


def _setenergy(limit: int) -> Command:
    return SetEnergyLimit(DeciWattHour(limit))


def _failsafe(timeout: int, limit: int, stored: bool = False) -> Command:
    return SetFailsafe(Seconds(timeout), Milliampere(limit), stored)


def _setdatetime(unix_time: int) -> Command:
    return SetDateTime(Seconds(unix_time))


def _display(
    text: str, minimum: int | None = None, maximum: int | None = None
) -> Command:
    return Display(
        text,
        None if minimum is None else Seconds(minimum),
        None if maximum is None else Seconds(maximum),
    )


# --- what goes out ----------------------------------------------------------


# Made in the test, so that a value that is refused fails there.
SAID: list[tuple[str, Callable[[], Command]]] = [
    ("ena 1", lambda: Enable(on=True)),
    ("ena 0", lambda: Enable(on=False)),
    ("curr 6000", lambda: _curr(6000)),
    ("curr 63000", lambda: _curr(63000)),
    ("currtime 10000 7200", lambda: _currtime(10000, 7200)),
    ("currtime 0 1", lambda: _currtime(0, 1)),
    ("currtime 0 0", lambda: _currtime(0, 0)),
    ("currtime 6000 0", lambda: _currtime(6000, 0)),
    ("currtime 63000 860400", lambda: _currtime(63000, 860400)),
    ("setenergy 0", lambda: _setenergy(0)),
    ("setenergy 100000", lambda: _setenergy(100000)),
    ("setenergy 999999999", lambda: _setenergy(999999999)),
    ("output 0", lambda: SetOutput(0)),
    ("output 1", lambda: SetOutput(1)),
    ("output 10", lambda: SetOutput(10)),
    ("output 150", lambda: SetOutput(150)),
    ("start", Start),
    ("start e3f76b8d00000000", lambda: Start(TAG)),
    (
        "start e3f76b8d00000000 01010400000000000000",
        lambda: Start(TAG, CARD_CLASS),
    ),
    ("stop", Stop),
    ("stop e3f76b8d00000000", lambda: Stop(TAG)),
    ("unlock", Unlock),
    ("failsafe 0 0 0", lambda: _failsafe(0, 0)),
    ("failsafe 10 6000 1", lambda: _failsafe(10, 6000, stored=True)),
    ("failsafe 600 63000 0", lambda: _failsafe(600, 63000)),
    ("setdatetime 1", lambda: _setdatetime(1)),
    ("setdatetime 1700000000", lambda: _setdatetime(1700000000)),
    ("setdatetime 4294967295", lambda: _setdatetime(4294967295)),
    ("x2src 0", lambda: SetPhaseSource(0)),
    ("x2src 4", lambda: SetPhaseSource(4)),
    ("x2 0", lambda: SetPhases(three=False)),
    ("x2 1", lambda: SetPhases(three=True)),
    ("display 0 0 0 0 Hello$KEBA", lambda: _display("Hello KEBA")),
    ("display 0 0 0 0 Hello$KEBA", lambda: _display("Hello$KEBA")),
    ("display 0 0 0 0 x", lambda: _display("x")),
    (f"display 0 0 0 0 {'x' * 23}", lambda: _display("x" * 23)),
    ("display 1 5 20 0 Hi", lambda: _display("Hi", 5, 20)),
    ("display 1 0 65535 0 Hi", lambda: _display("Hi", 0, 65535)),
]


@pytest.mark.parametrize(("text", "make"), SAID, ids=[row[0] for row in SAID])
def test_a_command_goes_out_as_kebas_guide_prints_it(
    text: str, make: Callable[[], Command]
) -> None:
    assert make().encode() == text.encode()


def test_logs_name_a_command_by_its_datagram() -> None:
    assert str(Enable(on=True)) == "ena 1"
    assert str(Start()) == "start"


def test_logs_do_not_tell_the_tag_of_a_card() -> None:
    tag = "e3f76b8d00000000"

    assert str(Start(tag)) == "start (a card)"
    assert str(Stop(tag)) == "stop (a card)"


@pytest.mark.parametrize("number", [1, 2, 3, 100, 101, 130])
def test_a_report_that_exists_can_be_asked_for(number: int) -> None:
    assert ReportRequest(number).encode() == b"report %d" % number


@pytest.mark.parametrize("number", [-1, 0, 4, 99, 131, 1000])
def test_a_report_that_does_not_exist_cannot_be_asked_for(number: int) -> None:
    with pytest.raises(InvalidCommandError, match="1, 2, 3 and 100 to 130"):
        ReportRequest(number)


# --- what does not go out ---------------------------------------------------

CURRENT = "within 6000…63000 mA"
STOP_OR_CURRENT = "0 (stop) or within 6000…63000 mA"
TIME = "is not within 1…4294967295 s"
PULSES = "is neither 0 nor 1 nor within 10…150 pulses per kWh"
PRINTABLE = "has characters other than printable ASCII"
CLASS_DIGITS = (
    "the class has 20 hexadecimal digits, this one is another text of"
)
TAG_DIGITS = "the tag has 16 hexadecimal digits, this one is another text of"
BOTH_TIMES = "display: give both minimum and maximum seconds, or none"

# What a user reads, in the log and in `results`: what, where, and what can.
REFUSED: list[tuple[Callable[[], Command], str]] = [
    (lambda: _curr(-1), f"curr: -1 mA is not {CURRENT}"),
    (lambda: _curr(1), f"curr: 1 mA is not {CURRENT}"),
    (lambda: _curr(5999), f"curr: 5999 mA is not {CURRENT}"),
    (lambda: _curr(63001), f"curr: 63001 mA is not {CURRENT}"),
    (lambda: _currtime(5999, 1), f"currtime: 5999 mA is not {STOP_OR_CURRENT}"),
    (
        lambda: _currtime(63001, 1),
        f"currtime: 63001 mA is not {STOP_OR_CURRENT}",
    ),
    (lambda: _currtime(6000, -1), "currtime: -1 is not within 0…860400 s"),
    (
        lambda: _currtime(6000, 860401),
        "currtime: 860401 is not within 0…860400 s",
    ),
    (
        lambda: _setenergy(-1),
        "setenergy: -1 is not within 0…999999999 in 0.1 Wh",
    ),
    (
        lambda: _setenergy(10**9),
        "setenergy: 1000000000 is not within 0…999999999 in 0.1 Wh",
    ),
    (lambda: SetOutput(-1), f"output: -1 {PULSES}"),
    (lambda: SetOutput(2), f"output: 2 {PULSES}"),
    (lambda: SetOutput(9), f"output: 9 {PULSES}"),
    (lambda: SetOutput(151), f"output: 151 {PULSES}"),
    (lambda: _failsafe(-1, 6000), "failsafe: -1 is not within 10…600 s"),
    (lambda: _failsafe(9, 6000), "failsafe: 9 is not within 10…600 s"),
    (lambda: _failsafe(601, 6000), "failsafe: 601 is not within 10…600 s"),
    (
        lambda: _failsafe(60, 5999),
        f"failsafe: 5999 mA is not {STOP_OR_CURRENT}",
    ),
    (
        lambda: _failsafe(60, 63001),
        f"failsafe: 63001 mA is not {STOP_OR_CURRENT}",
    ),
    (lambda: _setdatetime(0), f"setdatetime: 0 {TIME}"),
    (lambda: _setdatetime(2**32), f"setdatetime: 4294967296 {TIME}"),
    (lambda: SetPhaseSource(-1), "x2src: -1 is not within 0…4"),
    (lambda: SetPhaseSource(5), "x2src: 5 is not within 0…4"),
    (
        lambda: _display(""),
        "display: a text has 1 to 23 characters, this one 0",
    ),
    (
        lambda: _display("x" * 24),
        "display: a text has 1 to 23 characters, this one 24",
    ),
    (lambda: _display("Grüezi"), f"display: 'Grüezi' {PRINTABLE}"),
    (lambda: _display("a\nena 0"), rf"display: 'a\nena 0' {PRINTABLE}"),
    (lambda: _display("a\0b"), rf"display: 'a\x00b' {PRINTABLE}"),
    (lambda: _display("x", -1, 0), "display: -1 is not within 0…65535 s"),
    (lambda: _display("x", 0, 65536), "display: 65536 is not within 0…65535 s"),
    (lambda: _display("x", 65536, 0), "display: 65536 is not within 0…65535 s"),
    (lambda: _display("x", 5), BOTH_TIMES),
    (lambda: _display("x", None, 5), BOTH_TIMES),
    (lambda: Start("e3f7"), f"start: {TAG_DIGITS} 4 characters"),
    (lambda: Start("g" * 16), f"start: {TAG_DIGITS} 16 characters"),
    (lambda: Start("0" * 16 + "\n"), f"start: {TAG_DIGITS} 17 characters"),
    (lambda: Start("\uff10" * 16), f"start: {TAG_DIGITS} 16 characters"),
    (lambda: Start(TAG, "01"), f"start: {CLASS_DIGITS} 2 characters"),
    (lambda: Start("", CARD_CLASS), "start: a class needs a tag before it"),
    (lambda: Stop(TAG + "0"), f"stop: {TAG_DIGITS} 17 characters"),
    (lambda: Stop("0" * 1000), f"stop: {TAG_DIGITS} 1000 characters"),
]


@pytest.mark.parametrize(
    ("make", "refusal"), REFUSED, ids=[row[1] for row in REFUSED]
)
def test_what_keba_does_not_allow_cannot_exist_and_the_error_says_what_can(
    make: Callable[[], Command], refusal: str
) -> None:
    with pytest.raises(InvalidCommandError) as error:
        make()
    assert str(error.value) == refusal


def test_a_current_of_zero_is_refused_with_the_way_to_stop_charging() -> None:
    with pytest.raises(InvalidCommandError) as error:
        _curr(0)
    assert str(error.value) == (
        "curr: 0 mA is outside of KEBA's range; use ena 0 or currtime 0 to "
        "stop charging"
    )


# Written down once more from the guide, not from the code.
GRAMMAR = re.compile(
    r"ena [01]"
    r"|curr (?P<curr>\d+)"
    r"|currtime (?P<timed>\d+) (?P<delay>\d+)"
    r"|setenergy (?P<energy>\d+)"
    r"|output (?P<output>\d+)"
    r"|failsafe (?P<timeout>\d+) (?P<fallback>\d+) [01]"
    r"|setdatetime (?P<clock>\d+)"
    r"|x2src [0-4]"
    r"|x2 [01]"
    r"|unlock"
    r"|start( [0-9a-fA-F]{16}( [0-9a-fA-F]{20})?)?"
    r"|stop( [0-9a-fA-F]{16})?"
    r"|display (0 0 0|1 (?P<minimum>\d+) (?P<maximum>\d+)) 0 [!-~]{1,23}",
    re.ASCII,
)
ALLOWED: dict[str, tuple[range, ...]] = {
    "curr": (range(6000, 63001),),
    "timed": (range(1), range(6000, 63001)),
    "delay": (range(860401),),
    "energy": (range(1_000_000_000),),
    "output": (range(2), range(10, 151)),
    "timeout": (range(1), range(10, 601)),
    "fallback": (range(1), range(6000, 63001)),
    "clock": (range(1, 2**32),),
    "minimum": (range(65536),),
    "maximum": (range(65536),),
}

_EDGES = sorted(
    {
        edge + offset
        for ranges in ALLOWED.values()
        for allowed in ranges
        for edge in (allowed.start, allowed.stop)
        for offset in (-1, 0, 1)
    }
)
_NUMBERS = st.sampled_from(_EDGES) | st.integers(6000, 63000) | st.integers()
_TEXTS = (
    st.text(max_size=26)
    | st.text(st.sampled_from("aZ09 $~,\n\0\x7f"), max_size=24)
    | st.text(st.sampled_from("0123456789abcdefABCDEF"), max_size=21)
    | st.sampled_from([TAG, CARD_CLASS, "kWh $~"])
)
_ATTEMPTS: st.SearchStrategy[tuple[Callable[..., Command], tuple[object, ...]]]
_ATTEMPTS = st.one_of(
    st.tuples(st.sampled_from([Enable, SetPhases]), st.tuples(st.booleans())),
    st.tuples(
        st.sampled_from(
            [_curr, _setenergy, SetOutput, _setdatetime, SetPhaseSource]
        ),
        st.tuples(_NUMBERS),
    ),
    st.tuples(st.just(_currtime), st.tuples(_NUMBERS, _NUMBERS)),
    st.tuples(st.just(_failsafe), st.tuples(_NUMBERS, _NUMBERS, st.booleans())),
    st.tuples(
        st.just(_display),
        st.tuples(_TEXTS, st.none() | _NUMBERS, st.none() | _NUMBERS),
    ),
    st.tuples(st.just(Start), st.tuples(_TEXTS, _TEXTS)),
    st.tuples(st.just(Stop), st.tuples(_TEXTS)),
)


@given(_ATTEMPTS)
def test_whatever_exists_is_one_ascii_line_within_kebas_ranges(
    attempt: tuple[Callable[..., Command], tuple[object, ...]],
) -> None:
    make, arguments = attempt
    try:
        command = make(*arguments)
    except InvalidCommandError:
        return
    datagram = command.encode()
    assert len(datagram) <= 64
    text = datagram.decode("ascii")
    assert text.isprintable()
    spoken = GRAMMAR.fullmatch(text)
    assert spoken is not None, text
    for name, digits in spoken.groupdict().items():
        if digits is not None:
            assert any(int(digits) in allowed for allowed in ALLOWED[name])


@given(st.integers(6000, 63000), st.integers(0, 860400))
def test_every_current_and_delay_within_range_can_be_said(
    limit: int, delay: int
) -> None:
    assert _curr(limit).encode() == b"curr %d" % limit
    assert _currtime(limit, delay).encode() == b"currtime %d %d" % (
        limit,
        delay,
    )


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"])))
def test_every_printable_text_of_23_characters_can_be_shown(text: str) -> None:
    shown = (text or "x")[:23]
    assert _display(shown).encode().endswith(shown.encode())


# --- what it does to the line -----------------------------------------------


@pytest.mark.parametrize(
    "command", [Enable(on=False), _currtime(0, 1)], ids=str
)
def test_commands_that_stop_charging_ask_for_silence(command: Command) -> None:
    assert command.disables_charging()


@pytest.mark.parametrize(
    "command",
    [
        Enable(on=True),
        _curr(6000),
        _currtime(6000, 1),
        _currtime(0, 0),
        _setenergy(0),
        Stop(TAG),
    ],
    ids=str,
)
def test_other_commands_do_not(command: Command) -> None:
    assert not command.disables_charging()


def test_only_commands_that_mean_the_same_said_twice_are_repeatable() -> None:
    not_repeatable = [Start(), Stop(), _setdatetime(1), SetPhases(three=True)]
    repeatable = [Enable(on=True), _curr(6000), _setenergy(0), Unlock()]
    assert not any(command.repeatable for command in not_repeatable)
    assert all(command.repeatable for command in repeatable)


def test_enabling_shows_after_the_second_that_it_takes() -> None:
    assert Enable(on=False).settle_s >= 1.0


# --- how its effect shows in report 2 ---------------------------------------

SHOWN: list[tuple[Command, dict[str, object], bool | None]] = [
    (Enable(on=True), {"Enable user": 1}, True),
    (Enable(on=True), {"Enable user": 0}, False),
    (Enable(on=False), {"Enable user": 0}, True),
    # Locked by a card: enabled by the user, and yet not by the system.
    (Enable(on=True), {"Enable user": 1, "Enable sys": 0}, True),
    (Enable(on=True), {"Enable user": "1"}, True),
    (Enable(on=True), {"Enable user": None}, False),
    (Enable(on=True), {}, None),
    # `Max curr` follows 6 to 7 s later and must not be looked at.
    (_curr(10000), {"Curr user": 10000, "Max curr": 16000}, True),
    (_curr(10000), {"Curr user": 16000, "Max curr": 10000}, False),
    (_curr(10000), {"Curr user": "10000 "}, True),
    (_curr(10000), {"Max curr": 10000}, None),
    (_currtime(10000, 1), {"Curr user": 10000, "Tmo CT": 0}, True),
    (
        _currtime(10000, 7200),
        {"Curr user": 16000, "Curr timer": 10000, "Tmo CT": 7100},
        True,
    ),
    # A timer of earlier that has run out is no proof.
    (
        _currtime(10000, 7200),
        {"Curr user": 16000, "Curr timer": 10000, "Tmo CT": 0},
        False,
    ),
    (
        _currtime(10000, 7200),
        {"Curr user": 16000, "Curr timer": 13000, "Tmo CT": 7100},
        False,
    ),
    # Nor is one of which nobody knows whether it still runs.
    (_currtime(10000, 7200), {"Curr user": 16000, "Curr timer": 10000}, False),
    # A short timer may have run down before the reading, a long one may not.
    (_currtime(10000, 15), {"Curr user": 10000, "Tmo CT": 0}, True),
    (_currtime(10000, 16), {"Curr user": 10000, "Tmo CT": 0}, False),
    (_currtime(10000, 7200), {"State": 3}, None),
    (_currtime(0, 1), {"Curr user": 0, "Enable user": 1}, True),
    (_currtime(0, 1), {"Curr user": 16000, "Enable user": 0}, True),
    (_currtime(0, 1), {"Curr user": 16000, "Enable user": 1}, False),
    (_currtime(0, 0), {"Curr user": 16000, "Tmo CT": 0}, True),
    (_currtime(0, 0), {"Curr user": 16000, "Tmo CT": 60}, False),
    (_currtime(10000, 1), {"State": 3}, None),
    (_setenergy(100000), {"Setenergy": 100000}, True),
    (_setenergy(0), {"Setenergy": 100000}, False),
    # A P20 has no such field.
    (_setenergy(100000), {"State": 3}, None),
    (SetOutput(1), {"Output": 1}, True),
    (SetOutput(1), {"Output": 0}, False),
    (_failsafe(60, 6000), {"Tmo FS": 60, "Curr FS": 6000}, True),
    (_failsafe(60, 6000), {"Tmo FS": 60, "Curr FS": 0}, False),
    (_failsafe(60, 6000), {"Tmo FS": 60}, None),
    (_failsafe(0, 0), {"Tmo FS": 0, "Curr FS": 6000}, True),
    (_failsafe(0, 0), {"Tmo FS": 60, "Curr FS": 0}, False),
    (SetPhaseSource(4), {"X2 phaseSwitch source": 4}, True),
    (SetPhases(three=True), {"X2 phaseSwitch": 0}, False),
    (SetPhases(three=False), {"X2 phaseSwitch": 0}, True),
    (Unlock(), {"Plug": 7}, False),
    (Unlock(), {"Plug": 3}, False),
    (Unlock(), {"Plug": 5}, True),
    (Unlock(), {"Plug": 1}, True),
    (Unlock(), {}, None),
    (Start(TAG), {"Authreq": 0}, True),
    (Start(TAG), {"Authreq": 1}, False),
    (Stop(TAG), {"Authreq": 1}, True),
    (Stop(TAG), {"Authreq": 0}, False),
    (_display("Hi"), {"State": 3}, None),
    (_setdatetime(1), {"Sec": 1}, None),
]


@pytest.mark.parametrize(
    ("command", "report_2", "is_shown"),
    SHOWN,
    ids=[f"{row[0]}: {row[1]}" for row in SHOWN],
)
def test_report_2_shows_whether_a_command_had_its_effect(
    command: Command, report_2: dict[str, object], is_shown: bool | None
) -> None:
    assert command.is_shown_by(report_2) is is_shown


def test_what_no_report_can_show_has_no_proof() -> None:
    assert not _display("Hi").expected_fields()
    assert not _setdatetime(1).expected_fields()
