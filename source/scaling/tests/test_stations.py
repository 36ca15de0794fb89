import ipaddress
from dataclasses import replace

import pytest

from connector.settings import Settings
from pyconnector_template.settings import read_settings
from scaling.campus import Campus
from scaling.selections import MINIMAL
from scaling.stations import lines_of

CAMPUS = Campus(
    stations=1200, connectors=3, poll_interval_s=5, selection=MINIMAL
)


def test_everybody_has_an_address_and_a_name_of_their_own() -> None:
    lines = lines_of(CAMPUS)
    addresses = [line.bind for line in lines]
    names = [line.name for line in lines]
    for line in lines:
        addresses += line.stations.values()
        names += line.stations

    assert len(set(addresses)) == len(set(names)) == 3 + 1200
    assert all(ipaddress.IPv4Address(one).is_loopback for one in addresses)


def test_the_connector_takes_these_stations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (first, *_) = lines_of(CAMPUS)
    monkeypatch.setenv("CONNECTOR_NAME", first.name)
    monkeypatch.setenv("MQTT_BROKER_HOST", "localhost")
    monkeypatch.setenv("KEBA_P30_BIND_ADDRESS", first.bind)
    monkeypatch.setenv(
        "KEBA_P30_CHARGE_STATIONS", str(first.stations).replace("'", '"')
    )

    settings = read_settings(Settings)

    assert len(settings.keba_p30_charge_stations) == 400


def test_there_are_only_so_many_addresses() -> None:
    with pytest.raises(ValueError, match="200 connectors"):
        lines_of(replace(CAMPUS, connectors=201))
    with pytest.raises(ValueError, match="stations are possible"):
        lines_of(replace(CAMPUS, stations=60_000, connectors=1))
