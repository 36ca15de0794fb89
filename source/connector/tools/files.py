"""Files that other programs read while they are written."""

from pathlib import Path

from connector.tools.problems import Problem


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: nobody ever reads half of it.

    Raises
    ------
    Problem
        If it cannot be written.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
