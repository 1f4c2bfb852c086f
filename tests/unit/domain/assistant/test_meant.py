"""Whether an utterance is for the assistant, weighed with who spoke before and when it may speak."""

from __future__ import annotations

import pytest

from sidecar.domain.assistant.floor_orders import Manners, Person, Why
from sidecar.domain.assistant.meant import FOLLOW_UP_MS, STALE_MS, Answered, Remark, remark, why_meant
from sidecar.domain.assistant.stay import Audience, Speaks
from sidecar.domain.conference.values import Role
from sidecar.domain.events import UtteranceFinal

ANA = Person(participant="ana", name="Ana", role=Role.AGENT)
BEN = Person(participant="ben", name="Ben", role=Role.CUSTOMER)
NAMES = ("Ana", "Ben")
LAST = Answered("ana", began_ms=10_000, over_ms=12_000)


def said(text: str, who: str = "ana", start_ms: int = 13_000) -> UtteranceFinal:
    return UtteranceFinal(
        id="utt_1", participant=who, fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=start_ms,
        end_ms=start_ms + 1_000, text=text, engine="local", lag_ms=0,
    )  # fmt: skip


def read(text: str, person: Person = ANA, start_ms: int = 13_000, manners: Manners | None = None) -> Remark:
    return remark(said(text, person.participant, start_ms), person, NAMES, manners or Manners())


def why(heard: Remark, last: Answered | None = None, speaks: Speaks = Speaks.ADDRESSED) -> Why | None:
    return why_meant(heard, last, speaks, heard.said.end_ms)


def test_by_its_name_anybody_is_meant_and_of_whom_it_coaches_the_agent_only() -> None:
    coaching = Manners(audience=Audience.AGENT)
    assert why(read("Ava, what is the policy?", BEN)) is Why.ADDRESSED
    assert why(read("Ava, what is the policy?", ANA, manners=coaching)) is Why.ADDRESSED
    assert why(read("Ava, what is the policy?", BEN, manners=coaching)) is None


@pytest.mark.parametrize(
    ("text", "person", "start_ms", "meant"),
    [
        ("And for bikes?", ANA, LAST.over_ms + FOLLOW_UP_MS, Why.FOLLOW_UP),
        ("And for bikes?", ANA, LAST.over_ms + FOLLOW_UP_MS + 1, None),
        ("And for bikes?", BEN, 13_000, None),
        ("Ben, can you hear me?", ANA, 13_000, None),
        ("Okay, right.", ANA, 13_000, None),
        ("Never mind.", ANA, 13_000, None),
    ],
)
def test_who_was_answered_last_goes_on_talking_to_it_for_a_while(
    text: str, person: Person, start_ms: int, meant: Why | None
) -> None:
    """Unless it is a sign of listening, said to somebody else, or the word that it need not answer."""
    assert why(read(text, person, start_ms), LAST) is meant


def test_a_sign_of_listening_is_an_answer_where_it_has_asked() -> None:
    asked = Answered("ana", began_ms=10_000, over_ms=12_000, asks=True)
    assert why(read("Yes."), asked) is Why.FOLLOW_UP
    assert why(read("Yes."), LAST) is None


def test_when_it_speaks_always_all_but_signs_of_listening_is_for_it_and_when_only_asked_nothing() -> None:
    assert why(read("My parcel has not come.", BEN), speaks=Speaks.ALWAYS) is Why.ALWAYS
    assert why(read("Mm-hm.", BEN), speaks=Speaks.ALWAYS) is None
    assert why(read("Ava, what is the policy?"), speaks=Speaks.ASKED) is None


def test_what_was_said_long_ago_is_not_answered_any_more() -> None:
    heard = read("Ava, what is the policy?")
    assert why_meant(heard, None, Speaks.ADDRESSED, heard.said.end_ms + STALE_MS) is Why.ADDRESSED
    assert why_meant(heard, None, Speaks.ADDRESSED, heard.said.end_ms + STALE_MS + 1) is None


def test_others_who_say_something_end_a_follow_up_and_what_was_said_before_the_answer_does_not() -> None:
    assert read("That is fine with me.", BEN).ends(LAST)
    assert not read("Mm-hm.", BEN).ends(LAST)
    assert read("Never mind.", ANA).ends(LAST)
    assert not read("And for bikes?", ANA).ends(LAST)
    assert not read("That is fine with me.", BEN, 8_000).ends(LAST)
