"""Another version of the connector, to measure it beside this one."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
MAIN = Path("source", "connector", "main.py")


class NoVersionError(Exception):
    """What was named holds no connector."""


@contextmanager
def other_main(commit_or_folder: str) -> Iterator[Path]:
    """Give the connector's program of a commit or of another checkout.

    Raises
    ------
    NoVersionError
        If it is neither, or has no connector.
    """
    main = Path(commit_or_folder).resolve() / MAIN
    if main.exists():
        yield main
        return
    with TemporaryDirectory() as folder:
        # Git tells on stderr what is wrong with a name.
        archive = subprocess.run(  # noqa: S603 - an argument, no shell
            ["git", "archive", commit_or_folder, "--", "source"],  # noqa: S607
            cwd=REPOSITORY,
            capture_output=True,
            check=False,
        )
        if archive.returncode != 0:
            raise NoVersionError(
                f"{commit_or_folder!r} is neither a folder with {MAIN} nor a "
                f"commit: {archive.stderr.decode().strip()}"
            )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder) / MAIN
