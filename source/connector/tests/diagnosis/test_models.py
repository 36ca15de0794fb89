"""What is special about a model or a firmware, and is no fault."""

import pytest

from connector.diagnosis.models import lacks, model_notes

C_SERIES = "KC-P30-EC240422-E00"
FIRMWARE = "P30 v 3.10.57 (240521-093236)"


@pytest.mark.parametrize(
    ("product", "firmware", "code"),
    [
        ("KC-P20-ES240030-000-ST", "KEBA P20 v 2.5a3", "p20"),
        ("BMW-10-EC240522-E1R", FIRMWARE, "bmw"),
        ("KC-P30-EC220112-000-DE", FIRMWARE, "no_meter"),
        (C_SERIES, "P30 v 3.10.80 (251002-115400)", "needs_source_port"),
        (C_SERIES, "P30 v 3.9.10 (171113-103030)", "no_x2"),
        (C_SERIES, "P30 v 3.04.1", "old_firmware"),
    ],
)
def test_model_and_firmware_are_noted(
    product: str, firmware: str, code: str
) -> None:
    assert code in dict(model_notes(product, firmware))


@pytest.mark.parametrize("firmware", [FIRMWARE, "", "nonsense"])
def test_nothing_special_is_no_note(firmware: str) -> None:
    assert [*model_notes(C_SERIES, firmware)] == []


SOCKET = "KC-P30-ES240022-E0R"
P20 = "KC-P20-EC240130-000"
BMW = "BMW-10-EC240522-E1R"
DE = "KC-P30-EC220112-000-DE"


@pytest.mark.parametrize(
    ("word", "product", "firmware", "why"),
    [
        ("currtime", P20, "", "a P20 does not know currtime"),
        ("x2", P20, "KEBA P20 v 2.5a3", "a P20 does not know x2"),
        ("display", BMW, "P30 v 3.9.17", "a BMW wallbox has no display"),
        ("setenergy", DE, FIRMWARE, "no meter"),
        ("stop", DE, FIRMWARE, "no reader"),
        ("start", C_SERIES, FIRMWARE, "no reader"),
        ("unlock", C_SERIES, FIRMWARE, "fixed cable"),
        ("x2src", SOCKET, "P30 v 3.9.10", "3.10.42"),
        ("ena", C_SERIES, "P30 v 3.04.1", "3.05"),
    ],
)
def test_what_a_model_lacks_is_known_beforehand(
    word: str, product: str, firmware: str, why: str
) -> None:
    assert why in lacks(word, {"Product": product, "Firmware": firmware})


@pytest.mark.parametrize(
    ("word", "product"),
    [
        ("ena", P20),
        ("failsafe", P20),
        ("start", SOCKET),
        ("unlock", SOCKET),
        ("unlock", "BMW-10-ESS40022-E1R"),
        ("display", C_SERIES),
        ("curr", "a product of tomorrow"),
        ("start", ""),
    ],
)
def test_what_no_source_denies_is_not_doubted(word: str, product: str) -> None:
    assert lacks(word, {"Product": product, "Firmware": FIRMWARE}) == ""


def test_a_station_that_authorises_without_a_reader_is_believed() -> None:
    fields = {"Product": C_SERIES, "Firmware": FIRMWARE, "AuthON": 1}
    assert lacks("start", fields) == ""
