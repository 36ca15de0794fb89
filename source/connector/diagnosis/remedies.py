"""What to do after a command that did not do what it should.

From KEBA's UDP guide V2.01 and from what was seen at stations; the module of
each command names the pages.
"""

from collections.abc import Mapping

from connector.keba.station.events import Outcome

_SOMEBODY_ELSE = (
    "Another client (an energy manager, an app, a backend) may set it back: "
    "`keba doctor {name} --listen 60` looks for one."
)
_PHASES = (
    "Phases are switched by a device at X2, after `x2src 4`, and not within "
    "305 s of the last time."
)

_NOT_APPLIED: Mapping[str, str] = {
    "ena": _SOMEBODY_ELSE,
    "curr": _SOMEBODY_ELSE,
    "failsafe": _SOMEBODY_ELSE,
    "currtime": (
        "It rules only while charging is enabled: send `ena 1` as well. "
        "Unplugging and a restart end it."
    ),
    "setenergy": (
        "It belongs to the running session: plug the vehicle in before. "
        "Unplugging and a restart end it."
    ),
    "output": (
        "DIP switch DSW1.2 decides whether the relay X2 obeys; guides "
        "disagree on its position. It takes a power cycle."
    ),
    "start": (
        "The station must know the card. Its tag has 16 digits; phones show "
        "the bytes in the opposite order, report 100 in the right one."
    ),
    "stop": (
        "It must be the tag that has started the session. Without "
        "authorisation `ena 0` or `currtime 0` stops."
    ),
    "unlock": "Stop charging before: `ena 0` or `currtime 0`.",
    "x2src": _PHASES,
    "x2": _PHASES,
}
"""By the command; one that no reading proves cannot fail like this."""

_REJECTED: Mapping[str, str] = {
    word: _NOT_APPLIED[word] for word in ("start", "stop", "unlock", "x2")
}

_UNKNOWN = (
    "It may have been received all the same: `keba show {name}` tells what "
    "rules now."
)


def what_next(word: str, outcome: str, name: str) -> str:
    """Say what to do after a result; empty where it is as it should be.

    The name is the station's, as one would type it.
    """
    match outcome:
        case Outcome.NOT_APPLIED:
            text = _NOT_APPLIED.get(word, "")
            text = f"{text} `keba show {{name}}` shows what rules now."
        case Outcome.REJECTED:
            text = _REJECTED.get(word, "`keba show {name}` shows its state.")
        case Outcome.NO_REPLY:
            text = _UNKNOWN
        case Outcome.EXPIRED:
            text = (
                "It was older than ACTUATOR_MAX_AGE_SECONDS when it came to "
                "the connector: compare the clocks of both machines."
            )
        case Outcome.READ_ONLY:
            text = "Set READ_ONLY=FALSE at the connector to let it pass."
        case _:
            return ""
    return text.format(name=name).strip()
