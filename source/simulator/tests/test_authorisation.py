from simulator.authorisation import NO_CLASS, Authorisation

TAG = "e3f76b8d00000000"


def test_without_the_function_nobody_needs_a_card() -> None:
    assert not Authorisation((), is_on=False).is_required


def test_the_function_without_whitelist_cannot_be_unlocked() -> None:
    lock = Authorisation((), is_on=True)
    assert lock.is_required
    assert not lock.knows(TAG)


def test_a_tag_is_known_in_both_spellings() -> None:
    assert Authorisation((TAG.upper(),), is_on=True).knows(TAG)


def test_opening_and_closing_is_remembered() -> None:
    lock = Authorisation((TAG,), is_on=True)
    lock.open(TAG, "01" * 10)
    assert (lock.is_required, lock.tag) == (False, TAG)
    lock.close()
    assert (lock.is_required, lock.tag) == (True, None)
    assert lock.rfid_class == NO_CLASS
