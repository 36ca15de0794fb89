from simulator.display import Display


def test_a_text_vanishes_after_its_longest_time() -> None:
    display = Display()
    display.write("hello", 2, 10, now=0.0)
    assert display.text(9.9) == "hello"
    assert display.text(10.0) == ""


def test_the_next_text_waits_for_the_shortest_time_of_the_last() -> None:
    display = Display()
    display.write("one", 5, 60, now=0.0)
    display.write("two", 1, 10, now=1.0)
    assert display.text(4.9) == "one"
    assert display.text(5.0) == "two"
    assert display.text(15.0) == ""


def test_of_several_waiting_texts_the_newest_is_shown() -> None:
    display = Display()
    display.write("one", 5, 60, now=0.0)
    display.write("two", 1, 10, now=1.0)
    display.write("three", 1, 10, now=2.0)
    assert display.text(5.0) == "three"


def test_special_characters_are_shown_as_keba_says() -> None:
    display = Display()
    display.write("a$b~c 5kWh", 0, 10, now=0.0)
    assert display.text(1.0) == "a bΣc 5???"


def test_a_text_is_cut_at_23_characters() -> None:
    display = Display()
    display.write("x" * 40, 0, 10, now=0.0)
    assert display.text(1.0) == "x" * 23
