import re
import shlex
import tomllib
from pathlib import Path

import pytest

from simulator.__main__ import _read_options
from simulator.profiles import PROFILES
from simulator.scenario import SCENARIOS
from simulator.scenario_file import load_scenario
from simulator.typed_lines import read_line

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
ROOT = Path(__file__).parents[3]


def test_the_readme_lists_the_profiles_as_they_are() -> None:
    rows = re.findall(r"^\| `.*\|$", README, re.MULTILINE)

    assert rows == [
        f"| `{profile.name}` | {profile.about} |"
        for profile in PROFILES.values()
    ]


def test_the_readme_names_every_scenario() -> None:
    assert all(f"`{name}`:" in README for name in SCENARIOS)


@pytest.mark.parametrize(
    "command", re.findall(r"^python -m simulator (.*)$", README, re.MULTILINE)
)
def test_the_commands_of_the_readme_are_understood(command: str) -> None:
    options = _read_options(shlex.split(command))

    assert options.station or options.fleet


def test_the_stations_of_compose_are_understood() -> None:
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    commands = re.findall(r"\[python, -m, simulator, (.*)\]", compose)

    options = [
        _read_options(shlex.split(one.replace(", ", " "))) for one in commands
    ]
    assert [one.places[0].name for one in options] == ["garage", "yard"]


def test_the_lines_of_the_readme_can_be_typed() -> None:
    (lines,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)

    for line in lines.splitlines():
        assert read_line(line, ["garage", "yard"])


def test_the_main_readme_starts_a_station() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    (command,) = re.findall(r"python3 -m simulator ([^)\n]*)", readme)

    assert _read_options(shlex.split(command)).station


def test_the_page_about_tools_replays_with_a_command_that_is_understood() -> (
    None
):
    page = (ROOT / "docs" / "tools.md").read_text("utf-8")
    commands = re.findall(r"`python -m simulator ([^`]*)`", page)

    assert [_read_options(shlex.split(one)).station for one in commands]


def test_the_scenario_file_of_the_readme_can_be_played(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "readme.toml"
    path.write_text(text, "utf-8")

    assert len(load_scenario(path).steps) == len(tomllib.loads(text)["step"])
