"""What is looked for, and what of a line is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.conference.values import Role
from sidecar.domain.search import QueryRefused, SearchQuery, Term, search_query, snippet


def term(*words: str, prefix: bool = False) -> Term:
    return Term(words, prefix)


def test_a_query_has_words_phrases_beginnings_exclusions_and_filters() -> None:
    query = search_query(
        'Refund “two weeks” canc* "no la"* -later -"not now" speaker:"Ana M" label:agent-2 role:AGENT room:north*'
        " after:2026-11-01 before:2026-11-05"
    )
    assert query == SearchQuery(
        wanted=(term("refund"), term("two", "weeks"), term("canc", prefix=True), term("no", "la", prefix=True)),
        unwanted=(term("later"), term("not", "now")),
        speakers=(term("ana", "m"),),
        labels=(term("agent", "2"),),
        rooms=(term("north", prefix=True),),
        roles=(Role.AGENT,),
        since=datetime(2026, 11, 1, tzinfo=UTC),
        until=datetime(2026, 11, 5, tzinfo=UTC),
    )


def test_filters_of_a_program_join_those_of_the_text_and_times_narrow_each_other() -> None:
    query = search_query(
        "refund role:agent after:2026-11-02",
        [("role", "customer"), ("from", "2026-11-01T12:00:00+01:00"), ("to", "2026-11-03"), ("conference", "cnf_1")],
    )
    assert query.roles == (Role.CUSTOMER, Role.AGENT)
    assert (query.since, query.until) == (datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC))
    assert query.conference == "cnf_1"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "query_empty"),
        ("  \0 🙂 … ", "query_empty"),
        ("-refund", "query_empty"),
        ('"" *', "query_empty"),
        ('"unclosed', "query_invalid"),
        ('speaker:"', "query_invalid"),
        ("speaker:", "query_invalid"),
        ("speaker: ana", "query_invalid"),
        ("-speaker:ana", "query_invalid"),
        ("role:boss", "query_invalid"),
        ("after:yesterday", "query_invalid"),
        ("before:2026-13-01", "query_invalid"),
        ("a*", "query_invalid"),
        ("x" * 501, "query_too_long"),
        ("word " * 25, "query_too_long"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_what_to_write(text: str, code: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        search_query(text)
    assert refused.value.code == code
    assert refused.value.next_step


@pytest.mark.parametrize("value", ["2026", "9999-99-99", "noon", "", "2026-11-01T25:00:00Z"])
def test_a_time_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(QueryRefused):
        search_query("x", [("from", value)])


def test_the_last_day_of_all_is_still_a_day() -> None:
    assert search_query("x", [("to", "9999-12-31")]).until == datetime(9999, 12, 31, tzinfo=UTC)


def test_colons_and_quotes_in_what_people_say_are_no_filters() -> None:
    assert search_query("10:30 http://x.y foo:bar").wanted == (
        term("10", "30"),
        term("http", "x", "y"),
        term("foo", "bar"),
    )


@given(st.text(st.one_of(st.characters(), st.sampled_from('"-*: aspeaker:')), max_size=80))
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    try:
        query = search_query(text)
    except QueryRefused:
        return
    assert query.wanted or query.speakers or query.labels or query.rooms or query.roles or query.since or query.until


def shown(text: str, query: str) -> str:
    return "".join(
        f"[{piece.text}]" if piece.hit else piece.text for piece in snippet(text, search_query(query).wanted)
    )


def test_a_snippet_marks_words_phrases_and_beginnings_as_they_were_written() -> None:
    said = "The Café wants a Refund: two weeks, or two-week notice."
    assert shown(said, "cafe refund") == "The [Café] wants a [Refund]: two weeks, or two-week notice."
    assert shown(said, '"two week"*') == "The Café wants a Refund: [two weeks], or [two-week] notice."
    assert shown(said, "re* refund") == "The Café wants a [Refund]: two weeks, or two-week notice."
    assert shown(said, "role:agent") == said
    assert shown("返金について", "返金") == "[返金]について"


def test_of_a_long_line_the_part_around_the_first_hit_is_shown() -> None:
    said = f"{'before ' * 60}the refund {'after ' * 60}".strip()
    part = shown(said, "refund")
    assert part.startswith("… before")
    assert part.endswith("after …")
    assert "the [refund] after" in part
    assert len(part) < 260
    assert shown(said, "role:agent").startswith("before before")


@given(st.text(max_size=600), st.integers(10, 300), st.sampled_from(["a", "role:agent", "00", '"0 0"']))
def test_a_snippet_is_a_part_of_the_text_and_never_longer_than_asked_for(text: str, most: int, query: str) -> None:
    pieces = snippet(text, search_query(query).wanted, most=most)
    part = "".join(piece.text for piece in pieces if piece.text not in ("… ", " …"))
    assert part in text or "…" in text
    assert len("".join(piece.text for piece in pieces)) <= most + 4
