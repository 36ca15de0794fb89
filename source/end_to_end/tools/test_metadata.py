"""`metadata`: from an empty AdminUI to described datapoints."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.bemcom.datapoints import SELECTIONS
from connector.tools import metadata
from connector.tools.metadata import rows_for
from connector.tools.problems import Problem
from end_to_end.tools.calling import NAME, Call, CommandLine
from end_to_end.tools.fake_api import TOKEN, FakeApi
from testbed.mosquitto import Mosquitto

STATIONS = {"garage": "192.0.2.1"}


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API with datapoints of ours and one of somebody else."""
    with FakeApi() as fake:
        fake.add(NAME, "garage__report 3__U1")
        fake.add(NAME, "garage__curr", "actuator")
        fake.add(NAME, "garage__ena", "actuator")
        fake.add(NAME, "garage__connection__reason")
        fake.add(NAME, "garage__tomorrows field")
        fake.add("heat-pump", "garage__report 3__U1")
        yield fake


@pytest.fixture
def command_line(tmp_path: Path, api: FakeApi) -> CommandLine:
    """A command line that knows the API."""
    return CommandLine(
        tmp_path, STATIONS, BEMCOM_API_URL=api.url, BEMCOM_API_TOKEN=TOKEN
    )


def row(api: FakeApi, key: str, connector: str = NAME) -> dict[str, Any]:
    """Return a datapoint of the API."""
    [found] = [
        row
        for row in api.rows
        if row["key_in_connector"] == key
        and row["connector"]["name"] == connector
    ]
    return found


def words(call: Call) -> str:
    """Return what went wrong, in one line."""
    return " ".join(call.err.split())


def test_text_unit_format_limits_and_short_name_are_written(
    api: FakeApi, command_line: CommandLine
) -> None:
    call = command_line.in_a_process("metadata", "--yes")
    assert call.exit_code == 0
    assert "4 datapoints changed" in call.out
    voltage = row(api, "garage__report 3__U1")
    assert voltage["unit"] == "V"
    assert voltage["short_name"] == "garage U1"
    assert voltage["data_format"] == "continuous_numeric"
    assert (voltage["min_value"], voltage["max_value"]) == (0, 999)
    assert "voltage of phase 1" in voltage["description"]
    current = row(api, "garage__curr")
    assert (current["min_value"], current["max_value"]) == (6000, 63000)
    assert current["unit"] == "mA"
    enable = row(api, "garage__ena")
    # A controller may write null: the API refuses it unless it is listed.
    assert enable["allowed_values"] == [0, 1, None]
    reason = row(api, "garage__connection__reason")
    assert "dip_switch_1_3_off" in reason["allowed_values"]
    # A second run has nothing to do.
    call = command_line("metadata", "--yes")
    assert call.exit_code == 0
    assert "0 to change" in call.out
    assert len(api.puts) == 1


def test_what_an_admin_has_written_stays_unless_told_to_overwrite_it(
    api: FakeApi, command_line: CommandLine
) -> None:
    voltage = row(api, "garage__report 3__U1")
    voltage.update(
        description="Mains, left", data_format="generic_numeric", unit="kV"
    )
    call = command_line("metadata", "--yes")
    assert voltage["description"] == "Mains, left"
    assert voltage["unit"] == "kV"
    assert voltage["data_format"] == "generic_numeric"
    # Limits belong to a data format that is not ours here.
    assert voltage["max_value"] is None
    assert voltage["short_name"] == "garage U1"
    assert "1 where an admin's words are kept" in call.out
    command_line("metadata", "--yes", "--overwrite")
    assert "voltage of phase 1" in voltage["description"]
    assert voltage["max_value"] == 999


def test_without_a_yes_and_in_a_dry_run_nothing_is_sent(
    api: FakeApi, command_line: CommandLine
) -> None:
    call = command_line("metadata", "--dry-run")
    assert call.exit_code == 0
    assert "unit: 'V'" in call.out
    # It recommends what to select and how to find it.
    for selection in SELECTIONS:
        assert selection.purpose in call.out
        assert selection.term in call.out
    assert command_line("metadata").exit_code == 2
    assert api.puts == []


def test_only_our_connectors_active_datapoints_are_touched(
    api: FakeApi, command_line: CommandLine
) -> None:
    row(api, "garage__ena")["is_active"] = False
    command_line("metadata", "--yes")
    assert row(api, "garage__ena")["description"] == ""
    assert row(api, "garage__report 3__U1", "heat-pump")["description"] == ""
    assert row(api, "garage__tomorrows field")["description"] == ""


def test_a_short_name_of_somebody_else_is_left_to_him(
    api: FakeApi, command_line: CommandLine
) -> None:
    row(api, "garage__report 3__U1", "heat-pump")["short_name"] = "garage U1"
    assert command_line("metadata", "--yes").exit_code == 0
    assert row(api, "garage__report 3__U1")["short_name"] is None
    assert row(api, "garage__report 3__U1")["unit"] == "V"


def test_a_short_name_taken_by_an_inactive_datapoint_is_explained(
    api: FakeApi, command_line: CommandLine
) -> None:
    hidden = row(api, "garage__report 3__U1", "heat-pump")
    hidden.update(short_name="garage U1", is_active=False)
    call = command_line("metadata", "--yes")
    assert call.exit_code == 1
    assert "--no-short-names" in words(call)
    row(api, "garage__report 3__U1")["short_name"] = None
    again = command_line("metadata", "--yes", "--no-short-names")
    assert again.exit_code == 0


def test_without_a_broker_only_active_datapoints_are_found(
    api: FakeApi, command_line: CommandLine
) -> None:
    assert (
        "MQTT_BROKER_HOST is not set"
        in command_line("metadata", "--dry-run").out
    )
    api.rows.clear()
    call = command_line("metadata", "--yes")
    assert call.exit_code == 1
    assert "MQTT_BROKER_HOST" in words(call)


@pytest.fixture
def beside_the_broker(tmp_path: Path, api: FakeApi) -> Iterator[CommandLine]:
    """A command line that knows the API, and what the connector announced."""
    message: dict[str, dict[str, int]] = {"sensor": {}, "actuator": {}}
    for row in rows_for(NAME, STATIONS):
        message[row["type"]][row["key_in_connector"]] = 0
    with Mosquitto(tmp_path) as broker:
        broker.observe().publish(
            f"{NAME}/available_datapoints", message, retain=True
        )
        yield CommandLine(
            tmp_path,
            STATIONS,
            BEMCOM_API_URL=api.url,
            BEMCOM_API_TOKEN=TOKEN,
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=broker.port,
        )


def add_inactive(api: FakeApi) -> None:
    """Let the API know what the connector has announced, as it does."""
    api.rows.clear()
    for one in rows_for(NAME, STATIONS):
        api.add(NAME, one["key_in_connector"], one["type"], is_active=False)


def test_inactive_datapoints_are_described_before_they_are_marked_as_active(
    api: FakeApi, beside_the_broker: CommandLine
) -> None:
    add_inactive(api)
    voltage = row(api, "garage__report 3__U1")
    voltage.update(description="Mains, left", unit="kV")
    call = beside_the_broker("metadata", "--yes")
    assert call.exit_code == 0, call.err
    assert f"{len(api.rows)} datapoints changed" in call.out
    assert row(api, "garage__report 3__U2")["unit"] == "V"
    assert {bool(one["description"]) for one in api.rows} == {True}
    # What an admin has written stays.
    assert (voltage["description"], voltage["unit"]) == ("Mains, left", "kV")
    assert voltage["short_name"] == "garage U1"
    assert "1 where an admin's words are kept" in call.out
    assert api.maps == 0
    api.mark_as_active()
    assert api.maps == 1
    assert "0 to change" in beside_the_broker("metadata", "--yes").out


def test_a_dry_run_changes_no_inactive_datapoint(
    api: FakeApi, beside_the_broker: CommandLine
) -> None:
    add_inactive(api)
    before = copy.deepcopy(api.rows)
    call = beside_the_broker("metadata", "--dry-run")
    assert "unit: 'V'" in call.out
    assert api.rows == before


def test_announced_datapoints_that_the_api_does_not_know_are_left_out(
    api: FakeApi, beside_the_broker: CommandLine
) -> None:
    add_inactive(api)
    api.rows[:] = [
        row(api, "garage__report 3__U1"),
        row(api, "garage__report 3__U2"),
    ]
    call = beside_the_broker("metadata", "--yes")
    assert call.exit_code == 0, call.err
    assert "2 datapoints changed" in call.out
    api.rows.clear()
    call = beside_the_broker("metadata", "--yes")
    assert call.exit_code == 1
    assert "Connectors, Add" in words(call)


def test_active_datapoints_go_in_small_portions_with_a_pause(
    api: FakeApi, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_inactive(api)
    api.mark_as_active()
    pauses: list[float] = []
    monkeypatch.setattr("connector.tools.metadata.time.sleep", pauses.append)
    assert command_line("metadata", "--yes").exit_code == 0
    assert api.maps == 1 + len(api.rows)
    assert {len(put) for put in api.puts[:-1]} == {metadata.ACTIVE_PORTION}
    assert len(pauses) == len(api.puts) - 1
    assert min(pauses) >= metadata.SHORTEST_PAUSE_S


def test_many_active_datapoints_are_asked_about_with_the_time_they_take(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = {f"bay-{number}": f"192.0.2.{number}" for number in range(1, 11)}
    api.rows.clear()
    for one in rows_for(NAME, stations):
        api.add(NAME, one["key_in_connector"], one["type"])
    questions: list[str] = []

    def decline(question: str, **_: object) -> None:
        questions.append(question)
        raise Problem("nothing was done")

    monkeypatch.setattr(metadata, "confirm", decline)
    CommandLine(
        tmp_path, stations, BEMCOM_API_URL=api.url, BEMCOM_API_TOKEN=TOKEN
    )("metadata")
    [question] = questions
    assert f"{len(api.rows)} of them are active and take about" in question
    assert "mark them as not active" in question
    assert api.puts == []


def test_a_data_format_that_refuses_what_is_promised_is_told(
    api: FakeApi, command_line: CommandLine
) -> None:
    api.add(NAME, "garage__currtime", "actuator", data_format="generic_numeric")
    row(api, "garage__ena").update(data_format="discrete_text")
    out = " ".join(command_line("metadata", "--yes").out.split())
    assert (
        "garage__currtime: with the data format generic_numeric, as an admin "
        'has set it, the API refuses "10000 7200"'
    ) in out
    assert "garage__ena: with the data format discrete_text" in out
    command_line("metadata", "--yes", "--overwrite")
    assert row(api, "garage__currtime")["data_format"] == "unknown"
    assert row(api, "garage__ena")["data_format"] == "discrete_numeric"
    assert row(api, "garage__ena")["allowed_values"] == [0, 1, None]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("--token", "wrong"), "--token"),
        (("--token", "", "--user", "admin", "--password", "x"), "401"),
        (("--api", "http://127.0.0.1:9"), "API runs"),
        (("--api", "http://no-such-api.invalid"), "cannot be reached"),
    ],
)
def test_an_api_that_refuses_or_is_not_there_is_explained(
    command_line: CommandLine, arguments: tuple[str, ...], advice: str
) -> None:
    call = command_line("metadata", "--yes", *arguments)
    assert call.exit_code == 1
    assert advice in words(call)


def test_login_by_name_and_password_works_as_well(
    api: FakeApi, tmp_path: Path
) -> None:
    command_line = CommandLine(
        tmp_path, STATIONS, BEMCOM_API_PASSWORD="a long secret"
    )
    call = command_line(
        "metadata", "--api", api.url, "--user", "admin", "--dry-run"
    )
    assert call.exit_code == 0


def test_the_json_can_be_written_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "metadata.json"
    call = CommandLine(tmp_path, STATIONS)("metadata", "--out", out)
    assert call.exit_code == 0
    rows = json.loads(out.read_text())
    assert {row["connector"]["name"] for row in rows} == {NAME}
    assert "garage__report 3__U1" in {row["key_in_connector"] for row in rows}
    assert "all__ena" in {row["key_in_connector"] for row in rows}


def test_no_url_is_a_mistake_of_the_call(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path, STATIONS)
    assert command_line("metadata").exit_code == 2
    assert command_line("metadata", "--api", "bemcom").exit_code == 2
