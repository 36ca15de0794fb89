"""Stations that answer what was recorded.

Two kinds of files are understood:

* a capture, ``{"datagrams": {"report 1": "...", ...}}``, as the recorder
  writes it; other keys are notes;
* raw messages of BEMCom, one JSON object in each line or a JSON list of them,
  either ``{"payload": {"raw_message": {station: {request: text}}, ...}, ...}``
  or with ``raw_message`` at the top. Later ones of the same station follow
  earlier ones.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from simulator.actions import Action, Answer, Silence
from simulator.wire import KEBA_PORT, Address, Outgoing, read_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REPLY_DELAY_S = 0.005


class ReplayError(ValueError):
    """A file holds no recording."""


class ReplayedStation:
    """Answers each request with what was recorded for it, in turn.

    After the last recorded answer to a request the first comes again. What
    was not recorded is not answered. Status messages (`push 1`, ...) are left
    out: a recording does not tell when they came.

    Parameters
    ----------
    name
        How logs call it.
    answers
        Recorded answers by request.
    port
        The port that it sends to.
    """

    def __init__(
        self,
        name: str,
        answers: Mapping[str, list[str]],
        *,
        port: int = KEBA_PORT,
    ) -> None:
        self._name = name
        self._answers = {
            request: texts
            for request, texts in answers.items()
            if _is_request(request)
        }
        self._given: dict[str, int] = {}
        self._port = port
        self._mute_all = False
        self._mute: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The station's name in logs."""
        return self._name

    def receive(
        self,
        data: bytes,
        now: float,
        sender: Address = ("127.0.0.1", KEBA_PORT),
        *,
        broadcast: bool = False,
    ) -> list[Outgoing]:
        """Hear a datagram; return the recorded answer, if there is one."""
        del broadcast
        request = " ".join(read_words(data))
        texts = self._answers.get(request)
        if not texts or self._mute_all or request in self._mute:
            return []
        turn = self._given.get(request, 0)
        self._given[request] = turn + 1
        answer = texts[turn % len(texts)].encode("utf-8", "surrogateescape")
        to = (sender[0], self._port)
        return [Outgoing(answer, now + REPLY_DELAY_S, to)]

    def advance(self, now: float) -> list[Outgoing]:
        """Let time pass, which changes nothing."""
        del now
        return []

    def next_moment(self) -> float:
        """Return infinity: nothing happens by itself."""
        return math.inf

    def perform(self, action: Action, now: float) -> list[Outgoing]:
        """Fall silent or answer again; other actions change nothing."""
        del now
        match action:
            case Silence(requests):
                self._mute_all = not requests
                self._mute |= frozenset(requests)
            case Answer():
                self._mute_all = False
                self._mute = frozenset()
        return []

    def take_news(self) -> list[str]:
        """Return nothing: nothing happens by itself."""
        return []


def load_replay(
    path: Path, name: str, *, port: int = KEBA_PORT
) -> ReplayedStation:
    """Make a station from a file.

    Parameters
    ----------
    path
        A capture or raw messages.
    name
        The station's name. If raw messages hold a station of this name, it
        is that one; else all of them are taken.
    port
        The port that it sends to.

    Raises
    ------
    ReplayError
        If the file holds no recording.
    OSError
        If it cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        answers = _answers(text, name)
    except (ValueError, KeyError, TypeError, AttributeError) as mistake:
        raise ReplayError(
            f"{path.name}: neither a capture nor raw messages ({mistake!r})"
        ) from mistake
    if not any(map(_is_request, answers)):
        raise ReplayError(f"{path.name}: no recorded answer in it")
    return ReplayedStation(name, answers, port=port)


def _answers(text: str, name: str) -> dict[str, list[str]]:
    entries = _entries(text)
    if len(entries) == 1 and "datagrams" in entries[0]:
        datagrams: dict[str, str] = entries[0]["datagrams"]
        return {request: [answer] for request, answer in datagrams.items()}
    messages = [_raw_message(entry) for entry in entries]
    is_named = any(name in message for message in messages)
    answers: dict[str, list[str]] = {}
    for message in messages:
        for station, datagrams in message.items():
            if is_named and station != name:
                continue
            for request, answer in datagrams.items():
                answers.setdefault(request, []).append(answer)
    return answers


def _entries(text: str) -> list[dict[str, Any]]:
    """Return the objects of a file: one, a list, or one in each line."""
    try:
        content = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return content if isinstance(content, list) else [content]


def _raw_message(entry: dict[str, Any]) -> dict[str, dict[str, str]]:
    payload = entry.get("payload", entry)
    message: dict[str, dict[str, str]] = payload["raw_message"]
    return message


def _is_request(request: str) -> bool:
    return request.split(" ")[0] not in {"push", "status"}
