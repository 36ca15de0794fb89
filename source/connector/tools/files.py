"""Files that other programs read while they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.tools.problems import Problem


def require_writable(path: Path) -> None:
    """Refuse what cannot be written, before there is something to lose."""
    with _draft_of(path) as draft:
        draft.touch()
        draft.unlink()
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: nobody ever reads half of it."""
    with _draft_of(path) as draft:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    try:
        yield path.with_name(f"{path.name}.new")
    except OSError as error:
        raise Problem(
            f"{path}: {error.strerror}",
            "In a container only a mounted folder can be written; "
            "docs/tools.md shows how.",
        ) from None
