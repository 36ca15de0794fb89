"""Tags of RFID cards are hashed before anything else sees them."""

import re

import pytest

from connector.bemcom.rfid import HASHES_REMEMBERED, CardMask

TAG = "e3f76b8d00000000"
REPORT = f'{{\n"ID": "100",\n"RFID tag": "{TAG}",\n"E pres": 7\n}}\n'


@pytest.fixture
def mask() -> CardMask:
    return CardMask("a long secret")


def _tag_in(text: str) -> str:
    found = re.search(r'"RFID tag\s*"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
    assert found is not None, text
    return found[1]


def test_a_tag_is_replaced_by_one_of_the_same_shape(mask: CardMask) -> None:
    text = mask.apply(REPORT)

    assert TAG not in text
    assert re.fullmatch(r"[0-9a-f]{16}", _tag_in(text))


def test_the_rest_of_the_text_stays_as_it_is(mask: CardMask) -> None:
    text = mask.apply(REPORT)

    assert text.replace(_tag_in(text), TAG) == REPORT


def test_equal_cards_stay_equal_however_they_are_spelled(
    mask: CardMask,
) -> None:
    assert mask.apply(REPORT) == mask.apply(REPORT)
    upper = mask.apply(REPORT.replace(TAG, TAG.upper()))
    assert _tag_in(upper) == _tag_in(mask.apply(REPORT))


def test_different_cards_stay_different(mask: CardMask) -> None:
    other = REPORT.replace(TAG, "1234567800000000")

    assert _tag_in(mask.apply(other)) != _tag_in(mask.apply(REPORT))


def test_another_salt_gives_another_hash(mask: CardMask) -> None:
    assert _tag_in(CardMask("other").apply(REPORT)) != _tag_in(
        mask.apply(REPORT)
    )


@pytest.mark.parametrize(
    "text",
    [
        f'{{"ID": "100", "RFID tag  ": "{TAG}"}}',
        f'{{"ID": "100", "RFID Tag":"{TAG}"}}',
        f'{{"ID": "100",\n"RFID tag" : "{TAG} ",}}',
        f'"RFID tag": "{TAG}",\n"RFID class": "01010400000000000000",\n',
        f'{{"RFID tag": "{TAG}"}} {{"RFID tag": "{TAG}"}}',
    ],
    ids=["padded", "capitals", "blanks", "answer to start", "twice"],
)
def test_a_tag_is_found_however_firmware_prints_it(
    mask: CardMask, text: str
) -> None:
    assert TAG not in mask.apply(text)


@pytest.mark.parametrize("tag", ["04a2b3c4d5e680", "12345678", "card 7"])
def test_a_tag_of_another_length_is_hashed_as_well(
    mask: CardMask, tag: str
) -> None:
    assert tag not in mask.apply(REPORT.replace(TAG, tag))


def test_a_tag_written_as_number_is_hashed_as_well(mask: CardMask) -> None:
    assert "12345678" not in mask.apply('{"RFID tag": 12345678, "ID": "100"}')


def test_no_card_stays_no_card(mask: CardMask) -> None:
    for none in ("0" * 16, ""):
        report = REPORT.replace(TAG, none)
        assert mask.apply(report) == report


def test_other_texts_are_left_alone(mask: CardMask) -> None:
    text = '{"ID": "2", "State": 3}'

    assert mask.apply(text) is text


def test_without_salt_tags_stay_plain() -> None:
    assert CardMask(None).apply(REPORT) == REPORT


# --- hashes are no cards ------------------------------------------------------


def test_what_stands_in_the_place_of_a_card_is_known_again(
    mask: CardMask,
) -> None:
    hashed = _tag_in(mask.apply(REPORT))

    assert mask.is_hash(hashed)
    assert mask.is_hash(f" {hashed.upper()} ")
    assert not mask.is_hash(TAG)
    assert not CardMask("a long secret").is_hash(hashed)


def test_hashes_do_not_pile_up(mask: CardMask) -> None:
    hashes = [
        _tag_in(mask.apply(REPORT.replace(TAG, f"{number:016x}")))
        for number in range(1, HASHES_REMEMBERED + 2)
    ]

    assert not mask.is_hash(hashes[0])
    assert mask.is_hash(hashes[1])
    assert mask.is_hash(hashes[-1])
