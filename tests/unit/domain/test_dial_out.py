"""Who may be called: ordinary telephones of the countries that were named, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.dial_out import Callee, DialOutPolicy, DialOutRefused, callee, known_country

POLICY = DialOutPolicy(countries=frozenset({"GB", "US", "DE"}), from_number="+15550100")


def refusal(number: str, policy: DialOutPolicy = POLICY) -> str:
    with pytest.raises(DialOutRefused) as refused:
        callee(number, policy)
    digits = "".join(c for c in number if c.isdigit())
    assert len(digits) < 6 or digits not in str(refused.value), "no error holds the number"
    return refused.value.code


def test_nobody_is_called_unless_somebody_named_countries_and_a_number() -> None:
    assert refusal("+442071838750", DialOutPolicy()) == "dial_out_off"
    assert refusal("+442071838750", DialOutPolicy(countries=POLICY.countries)) == "dial_out_off"


@pytest.mark.parametrize(
    ("number", "country"),
    [("+442071838750", "GB"), ("+44 20 7183 8750", "GB"), ("+491701234567", "DE"), ("+14155550100", "US")],
)
def test_an_ordinary_telephone_of_a_named_country_may_be_called(number: str, country: str) -> None:
    assert callee(number, POLICY) == Callee(number.replace(" ", ""), country)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+18765551234", "country_not_allowed"),  # Jamaica, under +1
        ("+33142685300", "country_not_allowed"),
        ("+19005551234", "number_not_ordinary"),  # premium
        ("+449098790123", "number_not_ordinary"),  # premium
        ("+447012345678", "number_not_ordinary"),  # personal, charged like premium
        ("+4990012345", "number_not_ordinary"),  # too short to be one that is known
        ("+881612345678", "number_not_ordinary"),  # satellite
        ("+870773111632", "number_not_ordinary"),  # satellite
        ("+979123456789", "number_not_ordinary"),  # international premium
        ("020 7183 8750", "number_invalid"),
        ("00442071838750", "number_invalid"),
        ("+442071838750;ext=9", "number_invalid"),
        ("sip:x@example.com", "number_invalid"),
        ("client:ana", "number_invalid"),
        ("app:AP1", "number_invalid"),
        ("+1", "number_invalid"),
        ("", "number_invalid"),
    ],
)
def test_everything_else_is_refused_with_its_reason(number: str, code: str) -> None:
    assert refusal(number) == code


@given(st.one_of(st.text(max_size=40), st.from_regex(r"\+[0-9]{1,18}", fullmatch=True)))
def test_any_text_is_a_number_of_a_named_country_or_refused(text: str) -> None:
    try:
        found = callee(text, POLICY)
    except DialOutRefused:
        return
    assert found.country in POLICY.countries
    assert found.number[0] == "+"
    assert found.number[1:].isdigit()


def test_countries_go_by_their_two_letters() -> None:
    assert known_country("DE")
    assert not known_country("de")
    assert not known_country("Germany")
