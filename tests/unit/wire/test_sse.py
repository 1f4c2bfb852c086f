"""Server-sent events as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.wire.sse import POSITION_MAX_CHARS, BadField, BadPosition, Positions, comment, frame, retry

ONE_LINE = st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"))


def parse_frame(raw: bytes) -> dict[str, str]:
    """The parser of the HTML standard, 9.2.6, for one event. Fields that come twice are joined by line feeds."""
    text = raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    assert text.endswith("\n\n")
    fields: dict[str, list[str]] = {}
    for line in text.removesuffix("\n\n").split("\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return {name: "\n".join(values) for name, values in fields.items()}


def test_a_frame_reads_as_the_standard_says() -> None:
    assert frame("utterance.final", b'{"a":1}', id_="x7", retry_ms=500) == (
        b'event: utterance.final\nid: x7\nretry: 500\ndata: {"a":1}\n\n'
    )
    assert frame("ping", b"{}") == b"event: ping\ndata: {}\n\n"
    assert retry(2000) == b"retry: 2000\n\n"
    assert comment("hb") == b": hb\n\n"


@given(event=ONE_LINE, data=st.text(st.characters(codec="utf-8")), id_=st.none() | ONE_LINE)
def test_any_data_comes_out_of_a_frame_as_it_went_in(event: str, data: str, id_: str | None) -> None:
    fields = parse_frame(frame(event, data.encode(), id_=id_))
    assert fields["event"] == event
    assert fields.get("id") == id_
    # The format knows one kind of line break.
    assert fields["data"] == data.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_in_a_name_an_id_or_a_comment_is_an_error(bad: str) -> None:
    with pytest.raises(BadField):
        frame(bad, b"{}")
    with pytest.raises(BadField):
        frame("ping", b"{}", id_=bad)
    with pytest.raises(BadField):
        comment(bad)


@given(
    epoch=st.text(st.characters(codec="utf-8"), max_size=20),
    seqs=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(0, 2**62), max_size=20),
)
def test_positions_survive_the_wire(epoch: str, seqs: dict[str, int]) -> None:
    positions = Positions(epoch, seqs)
    text = str(positions)
    assert text.isascii()
    assert frame("x", b"", id_=text)
    if len(text) <= POSITION_MAX_CHARS:
        assert Positions.parse(text) == positions


def test_twenty_conferences_fit_into_an_id() -> None:
    positions = Positions("0123abcd", {f"cnf_01K0A7HZ4M6N8P0Q2R4S6T8V{n:02}": 10**9 for n in range(20)})
    assert Positions.parse(str(positions)) == positions


@given(
    epoch=st.text(),
    seqs=st.dictionaries(st.text(min_size=1), st.integers(0, 10**18 - 1), max_size=20),
)
def test_positions_may_be_spelled_in_words(epoch: str, seqs: dict[str, int]) -> None:
    after = [f"{conference}:{seq}" for conference, seq in seqs.items()]
    assert Positions.spelled(epoch, after) == Positions(epoch, seqs)


def test_of_two_positions_in_one_conference_the_earlier_counts() -> None:
    assert Positions.spelled("e", ["cnf_1:7", "cnf_1:4", "cnf_1:9"]) == Positions("e", {"cnf_1": 4})


@given(st.lists(st.text(), min_size=1))
def test_any_other_words_are_a_typed_error(after: list[str]) -> None:
    try:
        found = Positions.spelled("e", after)
    except BadPosition:
        return
    assert all(seq >= 0 for seq in found.seqs.values())


@pytest.mark.parametrize("words", ["", "cnf_1", "cnf_1:", ":3", "cnf_1:-3", "cnf_1:+3", "cnf_1:٣", "cnf_1:" + "9" * 19])
def test_words_without_a_conference_and_a_seq_are_refused(words: str) -> None:
    with pytest.raises(BadPosition):
        Positions.spelled("e", [words])


@given(st.text() | st.text("ABCDEFwxyz0189-_=", max_size=80))
def test_any_other_text_is_a_typed_error(text: str) -> None:
    try:
        found = Positions.parse(text)
    except BadPosition:
        return
    assert all(seq >= 0 for seq in found.seqs.values())


@pytest.mark.parametrize("text", ["", "é", "x" * 5000, str(Positions("e", {"cnf": -1})), "bnVsbA", "WyJlIl0"])
def test_what_we_never_gave_out_is_refused(text: str) -> None:
    with pytest.raises(BadPosition):
        Positions.parse(text)
