"""The recorded datagrams of real stations, in `captures` and its folders."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "captures"
_SNAPSHOT_SUFFIX = ".parsed.json"


@dataclass(frozen=True, slots=True)
class Recording:
    """What one station has answered.

    Parameters
    ----------
    name
        Product and situation: the file, with the folders that it is in.
    fidelity
        `exact`, `reconstructed`, `manual example` or `mixed`.
    datagrams
        Texts by the request that they answer; pushes are ``push 1`` and so on.
    """

    path: Path
    name: str
    model: str
    firmware: str
    fidelity: str
    datagrams: Mapping[str, str]

    @property
    def snapshot_path(self) -> Path:
        """Where it is kept what the readers make of this recording."""
        return self.path.with_suffix(_SNAPSHOT_SUFFIX)


def all_recordings(folder: Path = FOLDER) -> list[Recording]:
    """Return all recordings, sorted by name."""
    return [
        _load(path, path.relative_to(folder).with_suffix("").as_posix())
        for path in sorted(folder.rglob("*.json"))
        if not path.name.endswith(_SNAPSHOT_SUFFIX)
    ]


def all_texts() -> list[str]:
    """Return the text of each recorded datagram."""
    return [
        text
        for recording in all_recordings()
        for text in recording.datagrams.values()
    ]


def _load(path: Path, name: str) -> Recording:
    content = json.loads(path.read_text("utf-8"))
    return Recording(
        path,
        name,
        content["model"],
        content["firmware"],
        content["fidelity"],
        content["datagrams"],
    )
