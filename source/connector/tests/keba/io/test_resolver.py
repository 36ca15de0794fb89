"""Names are looked up by a few threads, which end by themselves."""

import logging
import socket
import threading
from queue import SimpleQueue
from typing import Any

import pytest

from connector.keba.io.resolver import LOOKUPS_AT_ONCE, NameLookup

DEADLINE_S = 10.0
STATIONS = 100


def _threads() -> list[threading.Thread]:
    return [
        one for one in threading.enumerate() if one.name.startswith("resolve-")
    ]


def test_many_names_are_looked_up_by_few_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A container may have a hundred threads, not one for each station."""
    begun, may_answer = threading.Semaphore(0), threading.Event()

    def answer_late(host: str, *_: object) -> list[tuple[Any, ...]]:
        begun.release()
        assert may_answer.wait(DEADLINE_S)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (f"{host}!", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer_late)
    found: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
    lookup = NameLookup(
        lambda station, address: found.put((station, address)),
        logging.getLogger(__name__),
    )

    for number in range(STATIONS):
        lookup.ask(f"station{number}", f"host{number}")
    for _ in range(LOOKUPS_AT_ONCE):
        assert begun.acquire(timeout=DEADLINE_S)
    threads = _threads()
    may_answer.set()
    results = {found.get(timeout=DEADLINE_S) for _ in range(STATIONS)}
    for thread in threads:
        thread.join(DEADLINE_S)

    assert len(threads) == LOOKUPS_AT_ONCE
    assert results == {
        (f"station{number}", f"host{number}!") for number in range(STATIONS)
    }
    assert _threads() == []


def test_a_name_that_does_not_resolve_is_reported_and_may_be_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    found: SimpleQueue[tuple[str, str | None]] = SimpleQueue()
    lookup = NameLookup(
        lambda station, address: found.put((station, address)),
        logging.getLogger(__name__),
    )

    for _ in range(3):
        lookup.ask("garage", "garage.example")
        assert found.get(timeout=DEADLINE_S) == ("garage", None)
