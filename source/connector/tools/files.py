"""Files that other programs read while they are written."""

from pathlib import Path

from connector.tools.problems import Problem


def require_writable(path: Path) -> None:
    """Refuse what cannot be written, before there is something to lose."""
    draft = _draft_of(path)
    try:
        draft.touch()
        draft.unlink()
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
    except OSError as error:
        raise _not_written(path, error) from None


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: nobody ever reads half of it."""
    draft = _draft_of(path)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise _not_written(path, error) from None


def _draft_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _not_written(path: Path, error: OSError) -> Problem:
    return Problem(
        f"{path}: {error.strerror}",
        "In a container only a mounted folder can be written; "
        "docs/tools.md shows how.",
    )
