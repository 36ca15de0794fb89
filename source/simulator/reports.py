"""Reports 1, 2, 3 and 100 to 130 as a station prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulator.charge_point import ChargePoint
    from simulator.profiles import Layout

Fields = dict[str, int | str]

SESSION_REPORTS = range(100, 131)

COM_MODULE_READY_S = 300
"""UDP guide V2.01, page 12: the COM-module needs about five minutes; that the
field says so is guessed."""

ENERGY_OVERFLOW = 1_000_000_000
"""UDP guide V2.01, page 19: larger totals overflow."""

CAPITALS = {"E start": "E Start", "E pres": "E Pres"}
NEVER_PADDED = frozenset({"ID", "Session ID", "Serial", "Sec"})
"""Keys of reports 100 to 130 in guide V2.00, page 11."""


def report(point: ChargePoint, serial: str, number: int) -> bytes | None:
    """Return a report as a datagram, or None if the station has no such one."""
    profile = point.profile
    fields: Mapping[str, int | str]
    if number == 1:
        fields = _identification(point, serial)
    elif number == 2:
        fields = settings(point)
    elif number == 3:
        fields = measurements(point)
    elif number in SESSION_REPORTS and profile.has_sessions:
        fields = point.sessions.entry(number, e_pres=point.e_pres)
    else:
        return None
    uptime = point.clock.uptime(point.now)
    whole = {"ID": str(number), **fields, "Serial": serial, "Sec": uptime}
    lacks = profile.lacks_fields
    known = {
        key: value
        for key, value in whole.items()
        if key not in lacks and f"report {number} {key}" not in lacks
    }
    return _render(known, profile.layout)


def _render(fields: Mapping[str, int | str], layout: Layout) -> bytes:
    """Print fields in a layout; the usual one has a field in each line."""
    number = str(fields["ID"])
    lines = [_line(key, value, number, layout) for key, value in fields.items()]
    comma = "," if number in layout.trailing_comma else ""
    if number in layout.one_line:
        text = "{ " + ", ".join(lines) + comma + " }"
    else:
        text = "{\n" + ",\n".join(lines) + comma + "\n}\n"
    return text.encode("ascii") + layout.tail


def _line(key: str, value: int | str, number: str, layout: Layout) -> str:
    is_session = len(number) == 3
    if is_session and layout.padded_session_keys and key not in NEVER_PADDED:
        key = CAPITALS.get(key, key).ljust(10)
    if key == "ID":
        value = layout.session_id if number == "100" else number
        if layout.numeric_id:
            return f'"ID": {value}'
    if key == "Product":
        value = str(value).ljust(layout.product_width)
    if key == "Firmware":
        # Printed without a blank in all captures.
        return f'"Firmware":"{value}"'
    if isinstance(value, str):
        return f'"{key}": "{value}"'
    return f'"{key}": {value}'


def _identification(point: ChargePoint, serial: str) -> Fields:
    profile = point.profile
    is_ready = point.clock.uptime(point.now) >= COM_MODULE_READY_S
    fields: Fields = {
        "Product": profile.product,
        "Serial": serial,
        "Firmware": profile.firmware,
        "COM-module": int(profile.com_module and is_ready),
        "Backend": 0,
        "timeQ": point.clock.quality,
        "setBoot": 0,
        "DIP-Sw1": profile.dip_switches[0],
        "DIP-Sw2": profile.dip_switches[1],
    }
    if profile.dip_switches[1] == "":
        # BMW 3.9.17 has one field for both.
        fields["DIP-Sw"] = profile.dip_switches[0]
    return fields


def settings(point: ChargePoint) -> dict[str, int]:
    """Return the fields of report 2, whether or not this firmware has them."""
    limits = point.limits
    failsafe = limits.failsafe.setting
    return {
        "State": point.state,
        "Error1": point.errors[0],
        "Error2": point.errors[1],
        "Plug": point.plug,
        "AuthON": int(point.authorisation.is_on),
        "Authreq": int(point.authorisation.is_required),
        "Enable sys": int(point.enable_sys),
        "Enable user": int(limits.enable_user),
        "Max curr": point.max_curr,
        "Max curr %": point.duty_cycle,
        "Curr HW": point.curr_hw,
        "Curr user": limits.curr_user,
        "Curr FS": failsafe.current,
        "Tmo FS": failsafe.timeout_s,
        "Curr timer": limits.curr_timer,
        "Tmo CT": limits.timer_left_s(point.now),
        "Setenergy": limits.setenergy,
        "Output": point.output,
        "Input": point.input,
        "X2 phaseSwitch source": point.phase_source,
        "X2 phaseSwitch": point.phase_switch,
    }


def measurements(point: ChargePoint) -> Fields:
    """Return the fields of report 3; without a meter they are zeros."""
    names = ("U1", "U2", "U3", "I1", "I2", "I3", "P", "PF", "E pres", "E total")
    if not point.profile.has_meter:
        return dict.fromkeys(names, 0)
    mains = point.mains
    values = (
        *mains.voltages,
        *mains.currents,
        mains.power,
        mains.power_factor,
        point.e_pres,
        point.e_total % ENERGY_OVERFLOW,
    )
    return dict(zip(names, values, strict=True))
