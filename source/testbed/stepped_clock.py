"""A clock on the wall that can be stepped, for one process alone."""

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Self

_SECONDS = struct.Struct("d")

# Python runs a module of this name before anything else. Whatever asks for
# the time of day there gets it stepped; the monotonic clock is left alone, as
# it is when a real clock is set.
_HOOK = """
import mmap, pathlib, struct, time
with pathlib.Path({path!r}).open("rb") as _file:
    _step = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_time, _time_ns = time.time, time.time_ns
def _seconds():
    return struct.unpack("d", _step[:8])[0]
time.time = lambda: _time() + _seconds()
time.time_ns = lambda: _time_ns() + int(_seconds() * 1e9)
"""


class SteppedClock:
    """Steps what `time.time` tells in the processes started with it.

    The machine's own clock stays as it is.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / "step"
        path.write_bytes(_SECONDS.pack(0.0))
        (folder / "sitecustomize.py").write_text(_HOOK.format(path=str(path)))
        with path.open("r+b") as file:
            self._step = mmap.mmap(file.fileno(), _SECONDS.size)
        self._folder = folder
        self.offset_s = 0.0

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process needs to live by this clock."""
        return {"PYTHONPATH": str(self._folder)}

    def step_to(self, offset_s: float) -> None:
        """Let the clock be so many seconds ahead of the true one."""
        self.offset_s = offset_s
        self._step[:] = _SECONDS.pack(offset_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._step.close()
