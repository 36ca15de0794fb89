from pathlib import Path

from scaling.document import (
    DOCUMENT,
    NOTHING_YET,
    calculated,
    measured_part,
    update,
)


def test_the_calculated_part_is_what_the_model_says() -> None:
    document = DOCUMENT.read_text("utf-8")

    assert document.startswith(calculated()), (
        "run `python -m scaling document` in `source`"
    )


def test_the_document_tells_what_was_measured_where_and_when() -> None:
    measured = measured_part(DOCUMENT.read_text("utf-8"))

    assert measured.startswith("Measured on 20")
    assert "cores" in measured
    assert "Mosquitto" in measured


def test_the_measured_part_stays_until_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "scaling.md"
    update(path=path)
    assert measured_part(path.read_text("utf-8")) == NOTHING_YET

    update("Measured on Monday.", path)
    update(path=path)

    written = path.read_text("utf-8")
    assert measured_part(written) == "Measured on Monday."
    assert written.startswith(calculated())
