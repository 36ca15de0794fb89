"""Tags of RFID cards are hashed before anything else sees them."""

import re

import pytest

from connector.bemcom.rfid import HASHES_REMEMBERED, TagMask

TAG = "e3f76b8d00000000"
REPORT = f'{{\n"ID": "100",\n"RFID tag": "{TAG}",\n"E pres": 7\n}}\n'


@pytest.fixture
def mask() -> TagMask:
    return TagMask("a long secret")


def _tag_in(text: str) -> str:
    found = re.search(r'"RFID tag\s*"\s*:\s*"([^"]*)"', text, re.IGNORECASE)
    assert found is not None, text
    return found[1]


def test_a_tag_is_replaced_by_one_of_the_same_shape(mask: TagMask) -> None:
    text = mask.apply(REPORT)

    assert TAG not in text
    assert re.fullmatch(r"[0-9a-f]{16}", _tag_in(text))


def test_the_rest_of_the_text_stays_as_it_is(mask: TagMask) -> None:
    text = mask.apply(REPORT)

    assert text.replace(_tag_in(text), TAG) == REPORT


def test_equal_cards_stay_equal_however_they_are_spelled(mask: TagMask) -> None:
    assert mask.apply(REPORT) == mask.apply(REPORT)
    upper = mask.apply(REPORT.replace(TAG, TAG.upper()))
    assert _tag_in(upper) == _tag_in(mask.apply(REPORT))


def test_different_cards_stay_different(mask: TagMask) -> None:
    other = REPORT.replace(TAG, "1234567800000000")

    assert _tag_in(mask.apply(other)) != _tag_in(mask.apply(REPORT))


def test_another_salt_gives_another_hash(mask: TagMask) -> None:
    assert _tag_in(TagMask("other").apply(REPORT)) != _tag_in(
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
def test_a_tag_is_found_however_it_is_printed(mask: TagMask, text: str) -> None:
    assert TAG not in mask.apply(text)


@pytest.mark.parametrize("tag", ["04a2b3c4d5e680", "12345678", "card 7"])
def test_a_tag_of_another_length_is_hashed_too(mask: TagMask, tag: str) -> None:
    assert tag not in mask.apply(REPORT.replace(TAG, tag))


def test_a_tag_written_as_number_is_hashed_as_well(mask: TagMask) -> None:
    assert "12345678" not in mask.apply('{"RFID tag": 12345678, "ID": "100"}')


def test_no_card_stays_no_card(mask: TagMask) -> None:
    for none in ("0" * 16, ""):
        report = REPORT.replace(TAG, none)
        assert mask.apply(report) == report


def test_other_texts_are_left_alone(mask: TagMask) -> None:
    text = '{"ID": "2", "State": 3}'

    assert mask.apply(text) is text


def test_tags_stay_plain_only_where_that_is_said() -> None:
    assert TagMask(is_plain=True).apply(REPORT) == REPORT
    assert TagMask("a long secret", is_plain=True).apply(REPORT) == REPORT


@pytest.mark.parametrize("salt", [None, ""])
def test_a_forgotten_salt_hides_the_tags_all_the_same(salt: str | None) -> None:
    mask = TagMask(salt)

    assert TAG not in mask.apply(REPORT)
    assert mask.apply(REPORT) == mask.apply(REPORT)


def test_without_a_salt_nobody_can_link_two_runs() -> None:
    assert TagMask().apply(REPORT) != TagMask().apply(REPORT)


# --- hashes are no cards ----------------------------------------------------


def test_what_stands_in_place_of_a_card_is_known_again(mask: TagMask) -> None:
    hashed = _tag_in(mask.apply(REPORT))

    assert mask.is_hash(hashed)
    assert mask.is_hash(f" {hashed.upper()} ")
    assert not mask.is_hash(TAG)
    assert not TagMask("a long secret").is_hash(hashed)


def test_hashes_do_not_pile_up(mask: TagMask) -> None:
    hashes = [
        _tag_in(mask.apply(REPORT.replace(TAG, f"{number:016x}")))
        for number in range(1, HASHES_REMEMBERED + 2)
    ]

    assert not mask.is_hash(hashes[0])
    assert mask.is_hash(hashes[1])
    assert mask.is_hash(hashes[-1])
