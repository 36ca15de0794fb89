"""What is special about a model or a firmware, and is no fault."""

import pytest

from connector.diagnosis.models import model_notes

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
