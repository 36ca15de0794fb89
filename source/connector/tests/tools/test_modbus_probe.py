"""One look at a station over Modbus TCP."""

import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connector.diagnosis.causes import Severity
from connector.tools import modbus_probe
from connector.tools.modbus_probe import (
    FIRMWARE,
    ORDER,
    PRODUCT,
    SERIAL,
    STATE,
    ModbusError,
    encode_read,
    in_words,
    probe,
    read_value,
)


def decode(answer: bytes) -> int:
    return read_value(7, io.BytesIO(answer))


def test_a_read_asks_unit_255_for_two_words() -> None:
    assert encode_read(1018) == bytes.fromhex("03fa 0000 0006 ff 03 03fa 0002")


def test_a_value_is_four_bytes() -> None:
    answer = bytes.fromhex("0007 0000 0007 ff 03 04 030a3900")
    assert decode(answer) == 0x030A3900


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "closed"),
        ("0007 0000 0007 ff 03 04 030a", "closed"),
        ("0007 0000 0003 ff 83 02", "exception 2"),
        ("0008 0000 0007 ff 03 04 030a3900", "another request"),
        ("0007 0000 0005 ff 03 02 0003", "no value"),
    ],
)
def test_what_is_no_value_is_told(answer: str, says: str) -> None:
    with pytest.raises(ModbusError, match=says):
        decode(bytes.fromhex(answer))


def test_a_p30_and_a_p40_code_their_firmware_differently() -> None:
    p30 = {SERIAL: 1234567, PRODUCT: 314011, FIRMWARE: 0x030A3900, STATE: 3}
    p40 = {SERIAL: 22334455, PRODUCT: 4140110, FIRMWARE: 10201, STATE: 2}
    assert in_words(p30) == (
        "P30 (314011), serial 01234567, firmware 3.10.57, state 3 (charging)"
    )
    assert in_words(p40) == (
        "P40 (4140110), serial 22334455, firmware 1.2.1, state 2 (ready)"
    )


@contextmanager
def listener(monkeypatch: pytest.MonkeyPatch, *answers: bytes) -> Iterator[int]:
    """Answer each request of one client with some bytes; yield the port."""
    monkeypatch.setattr(modbus_probe, "PAUSE_S", 0.0)
    monkeypatch.setattr(modbus_probe, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            tcp, _ = server.accept()
            with tcp:
                for answer in answers:
                    tcp.recv(12)
                    tcp.sendall(answer)

        thread = threading.Thread(target=serve, name="modbus")
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.io
def test_a_first_read_without_an_answer_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = [
        struct.pack(">HHHBBBI", register, 0, 7, 255, 3, 4, 1)
        for register in ORDER
    ]
    with listener(monkeypatch, b"", *values) as port:
        row = probe("127.0.0.1", port)
    assert row.severity is Severity.FINE, row.text


@pytest.mark.io
def test_a_port_that_nobody_listens_at_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    row = probe("127.0.0.1", port)
    assert row.code == "no_modbus"
    assert "refused" in row.text
    assert "DSW1.3" in row.advice


@pytest.mark.io
def test_a_connection_that_is_closed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listener(monkeypatch, b"") as port:
        row = probe("127.0.0.1", port)
    assert row.code == "no_modbus"
