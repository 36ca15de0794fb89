"""`doctor --modbus`: whether a station answers over Modbus TCP, by one look.

Frames are made and read by hand: one function is all it takes. From KEBA's
Modbus TCP guides for P30 and P40; docs/modbus.md has what to do with it.
"""

import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO

from connector.diagnosis.causes import Severity
from connector.keba.protocol.fields import State
from connector.tools.station_rows import Row, named

PORT = 502
OTHER_PORT_OPTION = "--modbus-port 1502"
"""What the web page of x-series shows after an update (evcc-io/evcc#31005)."""

UNIT = 255
TIMEOUT_S = 5.0

PAUSE_S = 0.6
"""KEBA asks for more than half a second between two reads."""

SERIAL, PRODUCT, FIRMWARE, STATE = 1014, 1016, 1018, 1000
ORDER = (SERIAL, PRODUCT, FIRMWARE, STATE)

READ = 3
IS_EXCEPTION = 0x80
CLOSED = "the connection was closed instead of an answer"
_ADVICE = (
    "Modbus wants DIP switch DSW1.3 ON and a power cycle at a P30, and takes "
    "one client at a time; docs/modbus.md tells more."
)


class ModbusError(Exception):
    """An answer that is no value; says what it is."""


def encode_read(register: int) -> bytes:
    """Return the request for one value, which is two words long.

    The number of the transaction is that of the register.
    """
    return struct.pack(">HHHBBHH", register, 0, 6, UNIT, READ, register, 2)


def read_value(register: int, answers: BinaryIO) -> int:
    """Read the value of an answer."""
    head = answers.read(9)
    if len(head) < 9:
        raise ModbusError(CLOSED)
    transaction, protocol, _, _, function, number = struct.unpack(
        ">HHHBBB", head
    )
    if (transaction, protocol) != (register, 0):
        raise ModbusError("the answer belongs to another request")
    if function == READ | IS_EXCEPTION:
        raise ModbusError(f"exception {number}")
    if (function, number) != (READ, 4):
        raise ModbusError("the answer is no value of two words")
    value = answers.read(4)
    if len(value) < 4:
        raise ModbusError(CLOSED)
    return int.from_bytes(value, "big")


def probe(host: str, port: int = PORT) -> Row:
    """Ask a station who it is and how it is, once; changes nothing.

    The first read after connecting is thrown away: newer firmware answers it
    wrongly, or not at all.
    """
    advice = _ADVICE
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as tcp:
            with suppress(ModbusError, TimeoutError):
                _read(tcp, FIRMWARE)
            values = {register: _read(tcp, register) for register in ORDER}
    except ModbusError as error:
        text = f"{host} speaks Modbus, but: {error}"
    except OSError as error:
        text = f"{host}, TCP port {port}: {error.strerror or error}"
        if port == PORT:
            advice += f" Its port may be another one: {OTHER_PORT_OPTION}."
    else:
        return Row("modbus", Severity.FINE, in_words(values))
    return Row("modbus", Severity.ERROR, text, "no_modbus", advice)


def _read(tcp: socket.socket, register: int) -> int:
    try:
        tcp.sendall(encode_read(register))
        with tcp.makefile("rb") as answers:
            return read_value(register, answers)
    finally:
        time.sleep(PAUSE_S)


def in_words(values: Mapping[int, int]) -> str:
    """Say what was read: model, serial number, firmware and state."""
    product, firmware = str(values[PRODUCT]), values[FIRMWARE]
    if product.startswith("4"):
        model = "P40"
        version = (firmware // 10_000, firmware // 100 % 100, firmware % 100)
    else:
        model = "P30"
        version = (firmware >> 24, firmware >> 16 & 0xFF, firmware >> 8 & 0xFF)
    return (
        f"{model} ({product}), serial {values[SERIAL]:08d}, "
        f"firmware {'.'.join(map(str, version))}, "
        f"state {named(State, values[STATE])}"
    )
