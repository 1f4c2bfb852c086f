"""Written English becomes words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.speech.spoken_text import cardinal, digits, ordinal, spoken, year

SAID = [
    ("It is 9:30.", "It is nine thirty."),
    ("at 9:05 am", "at nine oh five A M"),
    ("at 9:00", "at nine o'clock"),
    ("at 9:00 p.m. sharp", "at nine P M sharp"),
    ("by 5pm", "by five P M"),
    ("until 6 p.m.", "until six P M."),
    ("$12.50", "twelve dollars and fifty cents"),
    ("$1", "one dollar"),
    ("$1,250 and £0.01", "one thousand two hundred fifty dollars and one penny"),
    ("$2.5 million", "two point five million dollars"),
    ("€3", "three euros"),
    ("open 24/7", "open twenty four seven"),
    ("room A4", "room A four"),
    ("a 4K screen", "a four K screen"),
    ("on November 12, 2026", "on November twelfth, twenty twenty six"),
    ("on 3 March", "on March third"),
    ("on Nov. 21st", "on November twenty first"),
    ("2026-11-23", "November twenty third, twenty twenty six"),
    ("11/23/2026", "November twenty third, twenty twenty six"),
    ("the 22nd, the 40th", "the twenty second, the fortieth"),
    ("in 1999 and 2005", "in nineteen ninety nine and two thousand five"),
    ("the 1980s", "the nineteen eighties"),
    ("order 48213", "order four eight two one three"),
    ("gate 07", "gate zero seven"),
    ("1,200 bikes", "one thousand two hundred bikes"),
    ("call +1 202 555 0143", "call one, two zero two, five five five, zero one four three"),
    ("202-555-0143", "two zero two, five five five, zero one four three"),
    ("50% of 3.14", "fifty percent of three point one four"),
    ("5km at 20 km/h", "five kilometers at twenty kilometers an hour"),
    ("1 kg", "one kilogram"),
    ("-5°C", "minus five degrees Celsius"),
    ("1/2 or ¾", "one half or three quarters"),
    ("9-5", "nine to five"),
    ("Dr. Lee vs. Mrs. Ray, etc.", "Doctor Lee versus Missis Ray, and so on."),
    ("salt & pepper", "salt and pepper"),
    ("maya@harborbikes.example", "maya at harborbikes dot example"),
    ("see harborbikes.com.", "see harborbikes dot com."),
    ("as PDF", "as P D F"),
    ("#7", "number seven"),
    ("Q&A", "Q and A"),
    ("٣ bikes", "three bikes"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "said"), SAID)
def test_what_has_no_letters_is_said_in_words(written: str, said: str) -> None:
    """As an American would read it aloud."""
    assert spoken(written) == said


@pytest.mark.parametrize(
    "text", ["Thank you for calling. How can I help?", "Well, it's fine - really!", "He may march in May."]
)
def test_what_is_words_already_stays_as_it_is(text: str) -> None:
    """Names of months without a day are words like others."""
    assert spoken(text) == text


@given(st.text())
def test_no_digit_is_left_in_any_text(text: str) -> None:
    """A voice would leave it out."""
    assert not any(character.isdecimal() for character in spoken(text))


@given(st.text(alphabet="0123456789 .,:;/-$€£%+#@&()ABCabcmkgpst°'"))
def test_text_that_was_said_once_is_not_changed_by_a_second_time(text: str) -> None:
    """All of it was turned into words at once."""
    once = spoken(text)
    assert spoken(once) == once


@given(st.integers(0, 10**15 - 1))
def test_a_cardinal_has_letters_only_and_says_its_number(number: int) -> None:
    """Read back by adding and multiplying."""
    values = {cardinal(n): n for n in [*range(20), *range(20, 100, 10)]}
    powers = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    total = group = 0
    for word in cardinal(number).split():
        if word == "hundred":
            group *= 100
        elif word in powers:
            total, group = total + group * powers[word], 0
        else:
            group += values[word]
    assert total + group == number


def test_numbers_beyond_all_names_are_said_digit_by_digit() -> None:
    """A quadrillion is no word for a telephone call."""
    assert cardinal(10**15) == "one" + " zero" * 15


def test_a_negative_cardinal_is_refused() -> None:
    """The sign is said by the text around it."""
    with pytest.raises(ValueError, match="-1"):
        cardinal(-1)


def test_ordinals_years_and_digits() -> None:
    """The irregular ones."""
    assert [ordinal(n) for n in (1, 2, 3, 5, 8, 9, 12, 20, 31, 100)] == [
        "first", "second", "third", "fifth", "eighth", "ninth", "twelfth", "twentieth", "thirty first", "one hundredth",
    ]  # fmt: skip
    assert [year(n) for n in (1066, 1100, 1907, 2000, 2009, 2010)] == [
        "one thousand sixty six", "eleven hundred", "nineteen oh seven", "two thousand", "two thousand nine",
        "twenty ten",
    ]  # fmt: skip
    assert digits("0421 7") == "zero four two one, seven"
