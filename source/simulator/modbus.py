"""The Modbus TCP side of a station, for one client at a time.

    python -m simulator.modbus --address 127.0.0.2 --port 1502

Written from KEBA's Modbus TCP guides V1.02 to V1.07 (P30) and V1.02 (P40), and
from captures in evcc#10201, #13592, #15200 and #22262: one value of two words
a request, whatever quantity is asked for; exception 2 for a register that is
not there; no answer at all to function 16.
"""

from __future__ import annotations

import argparse
import re
import socketserver
import struct
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from simulator.arguments import address, port
from simulator.reports import measurements, settings
from simulator.scenario import find_scenario
from simulator.station import SimulatedStation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODBUS_PORT = 502
UNIT = 255

READ_HOLDING_REGISTERS = 3
WRITE_SINGLE_REGISTER = 6
WRITE_MULTIPLE_REGISTERS = 16

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
IS_EXCEPTION = 0x80

_HEADER = struct.Struct(">HHHBB")
"""Transaction, protocol, length; unit and function belong to the length."""

_UNCOUNTED_BYTES = 6

P30_FIRST_DIGIT = 3
P40_FIRST_DIGIT = 4


class Register(NamedTuple):
    """A value that can be read: its name in KEBA's guide, and its unit."""

    name: str
    unit: str
    field: str = ""  # the same value over UDP, where there is one


REGISTERS: Mapping[int, Register] = {
    1000: Register("State", "", "State"),
    1004: Register("Cable State", "", "Plug"),
    1006: Register("EVSE Error Code", ""),
    1008: Register("Current L1", "mA", "I1"),
    1010: Register("Current L2", "mA", "I2"),
    1012: Register("Current L3", "mA", "I3"),
    1014: Register("Serial", "", "Serial"),
    1016: Register("Product", ""),
    1018: Register("Firmware", ""),
    1020: Register("Active Power", "mW", "P"),
    1036: Register("Energy Meter", "0.1 Wh", "E total"),
    1040: Register("U1", "V", "U1"),
    1042: Register("U2", "V", "U2"),
    1044: Register("U3", "V", "U3"),
    1046: Register("PF", "0.1 %", "PF"),
    1100: Register("Max Current", "mA", "Max curr"),
    1110: Register("Curr HW", "mA", "Curr HW"),
    1500: Register("RFID tag", ""),
    1502: Register("E pres", "0.1 Wh", "E pres"),
    1550: Register("Phase switching source", "", "X2 phaseSwitch source"),
    1552: Register("Phase switching state", "", "X2 phaseSwitch"),
    1600: Register("Failsafe Current Setting", "mA", "Curr FS"),
    1602: Register("Failsafe Timeout Setting", "s", "Tmo FS"),
}

WRITABLE: Mapping[int, tuple[str, str, str]] = {
    5004: ("Curr User", "mA", "curr {value}"),
    5010: ("Setenergy", "10 Wh", "setenergy {value}00"),
    5012: ("Unlock", "", "unlock"),
    5014: ("Enable user", "", "ena {value}"),
    # The current alone does nothing; the timeout arms (V1.03).
    5016: ("Failsafe Current", "mA", ""),
    5018: ("Failsafe Timeout", "s", "failsafe {timeout_s} {current} 0"),
    5020: ("Failsafe Persist", "", "failsafe {timeout_s} {current} 1"),
    5050: ("Set phase switch toggle", "", "x2src {value}"),
    5052: ("Trigger phase switch", "", "x2 {value}"),
}
"""Name, unit, and the UDP command of the same meaning."""

FAILSAFE_CURRENT = 5016
FAILSAFE_TIMEOUT = 5018


class ModbusStation:
    """A station as a Modbus client sees it: frames and times in, frames out.

    Parameters
    ----------
    is_p40
        Whether it codes product, firmware and phases as a P40 does.
    """

    def __init__(
        self, station: SimulatedStation, *, is_p40: bool = False
    ) -> None:
        self._station = station
        self._is_p40 = is_p40
        self._failsafe = {"current": 0, "timeout_s": 0}

    def answer(self, frame: bytes, now: float) -> bytes | None:
        """Answer one request; None is silence."""
        transaction, protocol, _, unit, function = _HEADER.unpack_from(frame)
        if function == WRITE_MULTIPLE_REGISTERS:
            return None
        self._station.advance(now)
        answered = self._do(function, frame[_HEADER.size :], now)
        head = struct.pack(
            ">HHHB", transaction, protocol, 1 + len(answered), unit
        )
        return head + answered

    def _do(self, function: int, body: bytes, now: float) -> bytes:
        if function not in {READ_HOLDING_REGISTERS, WRITE_SINGLE_REGISTER}:
            return bytes([function | IS_EXCEPTION, ILLEGAL_FUNCTION])
        register, value = struct.unpack(">HH", body)
        if function == READ_HOLDING_REGISTERS and register in REGISTERS:
            return struct.pack(">BBI", function, 4, self._read(register))
        if function == WRITE_SINGLE_REGISTER and register in WRITABLE:
            self._write(register, value, now)
            return bytes([function]) + body
        return bytes([function | IS_EXCEPTION, ILLEGAL_ADDRESS])

    def _read(self, register: int) -> int:
        special = {
            1006: self._error,
            1014: lambda: int(self._station.serial),
            1016: self._product,
            1018: self._firmware,
            1500: self._tag,
            1552: self._phases,
        }
        if register in special:
            return special[register]()
        point = self._station.point
        fields = settings(point) | measurements(point)
        return int(fields[REGISTERS[register].field])

    def _error(self) -> int:
        first, second = self._station.point.errors
        return first << 16 | second

    def _product(self) -> int:
        """Six digits: series, socket or cable, current, c or x, meter, RFID.

        A P40 has seven, of which only the first one matters here.
        """
        profile = self._station.profile
        amperes = {13_000: 1, 16_000: 2, 20_000: 3, 32_000: 4}
        digits = (
            P40_FIRST_DIGIT if self._is_p40 else P30_FIRST_DIGIT,
            0 if profile.is_socket else 1,
            amperes.get(profile.current_limit, 4),
            0 if profile.com_module else 1,
            1 if profile.has_meter else 0,
        )
        return int("".join(map(str, digits)) + ("00" if self._is_p40 else "0"))

    def _firmware(self) -> int:
        found = re.search(
            r"(\d+)\.(\d+)\.(\d+)", self._station.profile.firmware
        )
        if found is None:
            return 0
        major, minor, patch = map(int, found.groups())
        if self._is_p40:
            return major * 10_000 + minor * 100 + patch
        return major << 24 | minor << 16 | patch << 8

    def _tag(self) -> int:
        """Return the first four bytes of the card of the session, or 0."""
        session = self._station.point.sessions.entry(100, e_pres=0)
        return int(str(session["RFID tag"])[:8], 16)

    def _phases(self) -> int:
        three = self._station.point.phase_switch
        return (3 if three else 1) if self._is_p40 else three

    def _write(self, register: int, value: int, now: float) -> None:
        if register == FAILSAFE_CURRENT:
            self._failsafe["current"] = value
        if register == FAILSAFE_TIMEOUT:
            self._failsafe["timeout_s"] = value
        _, _, form = WRITABLE[register]
        command = form.format(value=value, **self._failsafe)
        self._station.receive(command.encode("ascii"), now)


class ModbusServer(socketserver.TCPServer):
    """Serves one client after the other, as the stations do."""

    allow_reuse_address = True

    def __init__(self, where: tuple[str, int], station: ModbusStation) -> None:
        self.station = station
        super().__init__(where, _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    """One client, until it hangs up."""

    server: ModbusServer

    def handle(self) -> None:
        while head := self.rfile.read(_UNCOUNTED_BYTES):
            (length,) = struct.unpack_from(">H", head, 4)
            frame = head + self.rfile.read(length)
            answer = self.server.station.answer(frame, time.monotonic())
            if answer is not None:
                self.wfile.write(answer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a station until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.modbus",
        description="A station that speaks Modbus TCP.",
    )
    parser.add_argument("--address", type=address, default="127.0.0.2")
    parser.add_argument("--port", type=port, default=MODBUS_PORT)
    parser.add_argument("--p40", action="store_true")
    options = parser.parse_args(arguments)
    now = time.monotonic()
    station = SimulatedStation(
        "modbus",
        scenario=find_scenario("always-charging", "modbus"),
        now=now,
        unix_at_zero=time.time() - now,
    )
    where = (options.address, options.port)
    try:
        with ModbusServer(
            where, ModbusStation(station, is_p40=options.p40)
        ) as server:
            sys.stdout.write(f"Modbus TCP at {where[0]}:{where[1]}, ")
            sys.stdout.write(f"unit {UNIT}; end with Ctrl-C\n")
            sys.stdout.flush()
            server.serve_forever()
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.stderr.write(f"simulator.modbus: {where[0]}:{where[1]}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
