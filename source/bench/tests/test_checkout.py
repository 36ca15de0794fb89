"""Another version is a folder or a commit."""

from pathlib import Path

import pytest

from bench.checkout import REPOSITORY, NoVersionError, other_main


def test_a_checkout_is_taken_as_it_is() -> None:
    with other_main(str(REPOSITORY)) as main:
        assert main == REPOSITORY / "source" / "connector" / "main.py"


@pytest.mark.io
def test_what_is_neither_folder_nor_commit_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(NoVersionError, match="neither a folder with"),
        other_main(str(tmp_path)),
    ):
        pass
