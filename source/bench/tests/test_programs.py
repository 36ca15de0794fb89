"""Another version is a folder or a commit; the published one is a checkout."""

from pathlib import Path

import pytest

from bench import programs
from bench.programs import NoVersionError, Program


def test_a_checkout_is_taken_as_it_is() -> None:
    with programs.other_version(str(programs.REPOSITORY)) as other:
        assert other == programs.OURS


@pytest.mark.io
def test_what_is_neither_folder_nor_commit_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(NoVersionError, match="neither a folder with"),
        programs.other_version(str(tmp_path)),
    ):
        pass


def test_a_folder_without_the_published_connector_is_told(
    tmp_path: Path,
) -> None:
    with pytest.raises(NoVersionError, match=r"main\.py is not there"):
        programs.published(tmp_path, tmp_path / "environment")
    main = tmp_path / programs.PUBLISHED_MAIN
    main.parent.mkdir(parents=True)
    main.touch()
    with pytest.raises(NoVersionError, match="pyconnector_template is not"):
        programs.published(tmp_path, tmp_path / "environment")


@pytest.mark.io
def test_a_folder_outside_of_git_is_not_called_bemcoms(tmp_path: Path) -> None:
    assert "git does not know" in programs.origin_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('import os\n\n__version__ = "0.5.0"\n', "0.5.0"),
        ("__version__='0.4.0'", "0.4.0"),
        ("", "without a number"),
    ],
)
def test_a_version_is_read_from_the_program(
    tmp_path: Path, text: str, version: str
) -> None:
    main = tmp_path / "main.py"
    main.write_text(text)
    assert programs.version_of(Program(main)) == version
