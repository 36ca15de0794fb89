"""The command line as people know command lines."""

from pathlib import Path

import pytest

from connector.main import __version__
from connector.tools.app import app
from end_to_end.tools.calling import CommandLine

COMMANDS = [str(one.name) for one in app.registered_commands]
WIDTH = 80


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    stations = {"garage": "192.0.2.1", "gate": "192.0.2.2", "yard": "192.0.2.3"}
    return CommandLine(tmp_path, stations, COLUMNS=WIDTH)


def test_keba_alone_shows_what_there_is(command_line: CommandLine) -> None:
    call = command_line()
    for command in COMMANDS:
        assert f" {command} " in call.out + call.err


def test_the_version_is_told(command_line: CommandLine) -> None:
    call = command_line("--version")
    assert (call.exit_code, call.out) == (0, f"keba {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_help_that_fits_a_terminal(
    command_line: CommandLine, command: str
) -> None:
    call = command_line(command, "-h")
    assert call.exit_code == 0
    assert f"Usage: keba {command} " in call.out
    assert "Example" in call.out or "example" in call.out
    assert max(map(len, call.out.splitlines())) <= WIDTH
    # Nothing was cut.
    assert "…" not in call.out.replace("0…", "").replace(")…", "")


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (("show", "ga"), ["garage", "gate"]),
        (("doctor", "garage", "y"), ["yard"]),
        (("send", "g"), ["garage", "gate"]),
        (("send", "garage", "cur"), ["curr", "currtime"]),
        (("record", "y"), ["yard"]),
        (("sh",), ["show"]),
    ],
)
def test_the_shell_completes_commands_and_stations(
    tmp_path: Path, words: tuple[str, ...], completions: list[str]
) -> None:
    stations = {"garage": "192.0.2.1", "gate": "192.0.2.2", "yard": "192.0.2.3"}
    call = CommandLine(
        tmp_path,
        stations,
        _KEBA_COMPLETE="complete_bash",
        COMP_WORDS=" ".join(("keba", *words)),
        COMP_CWORD=len(words),
    )()
    assert call.out.split() == completions


def test_completion_that_cannot_be_installed_is_no_traceback(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file"
    call = CommandLine(
        tmp_path, HOME=home, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1
    )("--install-completion", "bash")
    assert call.exit_code == 1
    assert "--show-completion" in call.err


def test_ctrl_c_ends_a_tool_with_a_sentence(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("connector.tools.doctor.examine", interrupted)
    call = command_line("doctor", "192.0.2.1")
    assert (call.exit_code, call.err) == (130, "ended by Ctrl-C\n")
