"""TwiML to verbs."""

from __future__ import annotations

import xml.sax.saxutils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.state import StatusCallback, StreamOrder
from sidecar.emulator.twiml import (
    MAX_LOOPS,
    ConnectStream,
    DialConference,
    Hangup,
    Pause,
    Play,
    Redirect,
    Say,
    StartStream,
    StopStream,
    TwimlUnparsable,
    Verb,
    parse,
)


def verbs(inside: str) -> tuple[Verb, ...]:
    document = parse(f"<Response>{inside}</Response>".encode())
    assert document.warnings == ()
    return document.verbs


def warnings(inside: str) -> tuple[str, ...]:
    return parse(f"<Response>{inside}</Response>".encode()).warnings


def test_the_document_of_a_fork_is_read_whole() -> None:
    """Stream with name, URL, callback and parameters, then the room with all that counts."""
    stream, dial = verbs(
        """<Start><Stream name="frk-1" url="wss://h.example/media" track="both_tracks"
             statusCallback="https://h.example/s"><Parameter name="token" value="a&amp;b"/></Stream></Start>
           <Dial timeLimit="600"><Conference participantLabel="agent" muted="true" startConferenceOnEnter="false"
             endConferenceOnExit="TRUE" beep="false" statusCallback="https://h.example/c" statusCallbackMethod="GET"
             statusCallbackEvent="start end join leave"> garage </Conference></Dial>"""
    )
    assert stream == StartStream(
        StreamOrder(
            url="wss://h.example/media",
            name="frk-1",
            track="both_tracks",
            parameters={"token": "a&b"},
            callback=StatusCallback(url="https://h.example/s"),
        )
    )
    events = frozenset({"start", "end", "join", "leave"})
    assert dial == DialConference(
        room="garage",
        label="agent",
        muted=True,
        start_on_enter=False,
        end_on_exit=True,
        callback=StatusCallback(url="https://h.example/c", method="GET", events=events),
    )


def test_a_two_way_stream_is_read_with_its_parameters() -> None:
    """As a fork is, only both ways."""
    (connect,) = verbs("<Connect><Stream url='/m' name='a'><Parameter name='token' value='t'/></Stream></Connect>")
    assert connect == ConnectStream(StreamOrder(url="/m", name="a", parameters={"token": "t"}, two_way=True))


def test_the_other_verbs_are_read_in_order() -> None:
    """With their defaults."""
    assert verbs(
        "<Say>This call\n is <break/>recorded.</Say><Play loop='0'>/hold.wav</Play><Pause/><Pause length='3'/>"
        "<Stop><Stream name='frk-1'/></Stop><Redirect method='GET'>/next</Redirect><Hangup/>"
    ) == (
        Say("This call is recorded."),
        Play("/hold.wav", MAX_LOOPS),
        Pause(1.0),
        Pause(3.0),
        StopStream("frk-1"),
        Redirect("/next", "GET"),
        Hangup(),
    )


def test_an_empty_document_has_no_verbs() -> None:
    """The call hangs up at its end."""
    assert verbs("") == ()


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("<Stream url='wss://h.example/'/>", "<Stream>"),
        ("<Gather/>", "<Gather>"),
        ("<Start><Siprec/></Start>", "<Siprec>"),
        ("<Connect><Room>r</Room></Connect>", "<Room>"),
        ("<Start><Stream url='wss://h.example/' bidirectional='true'/></Start>", '"bidirectional"'),
        ("<Pause length='soon'/>", '"length"'),
        ("<Pause length='99999999999999999999'/>", '"length"'),
        ("<Say loop='-1'>a</Say>", '"loop"'),
        ("<Redirect method='PUT'>/</Redirect>", '"method"'),
        ("<Dial><Conference muted='maybe'>r</Conference></Dial>", '"muted"'),
        (
            "<Dial><Conference statusCallback='/c' statusCallbackEvent='joined'>r</Conference></Dial>",
            '"statusCallbackEvent"',
        ),
        ("<Dial><Conference/></Dial>", "<Conference>"),
        ("<Dial>+12025550101</Dial>", "<Dial>"),
        ("<Start><Stream url='/m'><Parameter value='1'/></Stream></Start>", "<Parameter>"),
        ("<Hangup><Say>a</Say></Hangup>", "<Hangup>"),
    ],
)
def test_what_is_not_known_is_warned_of_and_the_rest_is_performed(inside: str, named: str) -> None:
    """An attribute nobody defined (a typo) is named, and never stops a call."""
    document = parse(f"<Response>{inside}<Pause length='7'/></Response>".encode())
    assert document.verbs[-1] == Pause(7.0)
    assert named in "\n".join(document.warnings)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Hello",
        b"<Response>",
        b"<Reply/>",
        b"\xff\xfe<\x00R\x00",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><Response><Say>&a;</Say></Response>",
        b"<Response>\x00</Response>",
    ],
)
def test_what_is_no_twiml_is_one_error(body: bytes) -> None:
    """Twilio's 12100; entities of one's own are refused before they can expand."""
    with pytest.raises(TwimlUnparsable):
        parse(body)


def test_xml_with_declaration_byte_order_mark_and_comments_is_read() -> None:
    """As template engines write it."""
    text = '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><Response><!-- b --><Hangup/></Response>'
    assert parse(text.encode()).verbs == (Hangup(),)


@given(st.binary())
def test_any_bytes_are_a_document_or_the_one_error(body: bytes) -> None:
    """Nothing else escapes."""
    try:
        parse(body)
    except TwimlUnparsable:
        return


NAMES = st.sampled_from(
    ["Say", "Play", "Pause", "Start", "Stop", "Stream", "Parameter", "Dial", "Conference", "Redirect", "Hangup", "Foo"]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["length", "loop", "method", "url", "name", "value", "muted", "track", "statusCallback", "foo"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs"])),
    max_size=3,
)


def element(name: str, attributes: dict[str, str], children: list[str]) -> str:
    written = "".join(f" {key}={xml.sax.saxutils.quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{''.join(children)}</{name}>"


TREES = st.recursive(
    st.builds(element, NAMES, ATTRIBUTES, st.just([])),
    lambda inner: st.builds(element, NAMES, ATTRIBUTES, st.lists(inner, max_size=3)),
    max_leaves=12,
)


@given(st.lists(TREES, max_size=4))
def test_any_tree_of_elements_is_read(trees: list[str]) -> None:
    """Known words in wrong places, with any values: verbs and warnings, never an error."""
    body = "<Response>" + "".join(trees) + "</Response>"
    assert len(parse(body.encode()).verbs) + len(warnings("".join(trees))) >= (1 if trees else 0)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])), st.integers(1, MAX_LOOPS))
def test_words_to_say_survive(text: str, loop: int) -> None:
    """But for runs of space, which nobody hears."""
    say = f"<Say loop='{loop}'>{xml.sax.saxutils.escape(text)}</Say>"
    try:
        document = parse(f"<Response>{say}</Response>".encode())
    except TwimlUnparsable:  # characters that XML itself forbids
        return
    assert document.verbs == (Say(" ".join(text.split()), loop),)
