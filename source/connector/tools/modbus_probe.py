"""`doctor --modbus`: whether a station answers over Modbus TCP, by one look.

Frames are made and read by hand: one function is all it takes. From KEBA's
Modbus TCP guides for P30 and P40; docs/modbus.md has what to do with it.
"""

import socket
import struct
import time
from collections.abc import Callable

from connector.diagnosis.causes import Severity
from connector.keba.protocol.fields import State
from connector.tools.station_rows import Row, named

PORT = 502
OTHER_PORT = 1502
"""What the web page of x-series shows after an update (evcc-io/evcc#31005)."""

UNIT = 255
TIMEOUT_S = 5.0

PAUSE_S = 0.6
"""KEBA asks for more than half a second between two reads."""

SERIAL, PRODUCT, FIRMWARE, STATE = 1014, 1016, 1018, 1000
ORDER = (SERIAL, PRODUCT, FIRMWARE, STATE)

_READ = 3
_IS_EXCEPTION = 0x80
_HEADER = struct.Struct(">HHH")
_ADVICE = (
    "Modbus wants DIP switch DSW1.3 ON and a power cycle at a P30, and takes "
    "one client at a time; docs/modbus.md tells more."
)


class ModbusError(Exception):
    """An answer that is no value; says what it is."""


def encode_read(transaction: int, register: int) -> bytes:
    """Return the request for one value, which is two words long."""
    return _HEADER.pack(transaction, 0, 6) + struct.pack(
        ">BBHH", UNIT, _READ, register, 2
    )


def decode_value(transaction: int, header: bytes, body: bytes) -> int:
    """Return the value of an answer.

    Raises
    ------
    ModbusError
        If it is an exception, or an answer to something else.
    """
    if len(header) < _HEADER.size or len(body) < 3:
        raise ModbusError("the connection was closed instead of an answer")
    answered, protocol, _ = _HEADER.unpack(header)
    if (answered, protocol) != (transaction, 0):
        raise ModbusError("the answer belongs to another request")
    function, number = body[1], body[2]
    if function == _READ | _IS_EXCEPTION:
        raise ModbusError(f"exception {number}")
    if function != _READ or number != 4 or len(body) != 7:
        raise ModbusError("the answer is no value of two words")
    return int.from_bytes(body[3:], "big")


def probe(host: str, port: int = PORT) -> Row:
    """Ask a station who it is and how it is, once; changes nothing.

    The first read after connecting is thrown away: newer firmware answers it
    wrongly, or not at all.
    """
    try:
        with socket.create_connection((host, port), TIMEOUT_S) as tcp:
            try:
                _read(tcp, FIRMWARE)
            except (ModbusError, TimeoutError):
                time.sleep(PAUSE_S)
            values = {register: _read(tcp, register) for register in ORDER}
    except TimeoutError:
        text = f"{host} does not answer at TCP port {port}"
        return _failed(text, _other_port(port))
    except OSError as error:
        text = f"{host}, TCP port {port}: {error.strerror or error}"
        return _failed(text, _other_port(port))
    except ModbusError as error:
        # Behind the wrong port is somebody who refuses every read.
        hint = _other_port(port) if port != PORT else ""
        return _failed(f"{host} speaks Modbus, but: {error}", hint)
    return Row("modbus", Severity.FINE, in_words(values.__getitem__))


def _read(tcp: socket.socket, register: int) -> int:
    tcp.sendall(encode_read(register, register))
    with tcp.makefile("rb") as answers:
        header = answers.read(_HEADER.size)
        length = _HEADER.unpack(header)[2] if len(header) == 6 else 0
        body = answers.read(length)
    value = decode_value(register, header, body)
    time.sleep(PAUSE_S)
    return value


def in_words(value_of: Callable[[int], int]) -> str:
    """Say what was read: model, serial number, firmware and state."""
    product = str(value_of(PRODUCT))
    is_p40 = product.startswith("4")
    firmware = value_of(FIRMWARE)
    if is_p40:
        version = (firmware // 10_000, firmware // 100 % 100, firmware % 100)
    else:
        version = (firmware >> 24, firmware >> 16 & 0xFF, firmware >> 8 & 0xFF)
    return (
        f"{'P40' if is_p40 else 'P30'} ({product}), "
        f"serial {value_of(SERIAL):08d}, "
        f"firmware {'.'.join(map(str, version))}, "
        f"state {named(State, value_of(STATE))}"
    )


def _other_port(port: int) -> str:
    other = OTHER_PORT if port == PORT else PORT
    return f" The port may be another one: --modbus-port {other}."


def _failed(text: str, hint: str) -> Row:
    advice = f"{_ADVICE}{hint}"
    return Row("modbus", Severity.ERROR, text, "no_modbus", advice)
