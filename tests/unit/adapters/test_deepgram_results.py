"""Pieces become segments: nothing that is frozen is lost or doubled, and no segment is too long."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.adapters.recognisers.deepgram_results import CUT_AT_MS, Assembler
from sidecar.domain.events import Word
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted
from sidecar.wire.deepgram_listen import Piece, UtteranceEnd


def piece(
    start_ms: int,
    end_ms: int,
    text: str,
    *,
    final: bool = False,
    ends: bool = False,
    words: Sequence[Word] | None = None,
) -> Piece:
    """Words of equal length that fill the piece, unless given."""
    spoken = text.split()
    each = (end_ms - start_ms) // max(1, len(spoken))
    filled = [Word(word, start_ms + n * each, start_ms + (n + 1) * each, 0.5) for n, word in enumerate(spoken)]
    return Piece(
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        words=filled if words is None else words,
        confidence=0.7,
        is_final=final or ends,
        ends=ends,
    )


def told(*messages: Piece | UtteranceEnd, base_ms: int = 0) -> list[Result]:
    assembler = Assembler(base_ms)
    results: list[Result] = []
    for message in messages:
        results += assembler.piece(message) if isinstance(message, Piece) else assembler.utterance_end(message)
    return results


def finals(results: list[Result]) -> list[FinalResult]:
    return [result for result in results if isinstance(result, FinalResult)]


def partials(results: list[Result]) -> list[str]:
    return [result.text for result in results if isinstance(result, PartialResult)]


def test_frozen_pieces_up_to_the_pause_are_one_utterance() -> None:
    """Only the last piece says that the speaker paused; the text of the earlier ones counts as much."""
    results = told(
        piece(0, 1_000, "one"),
        piece(0, 2_000, "one two", final=True),
        piece(2_000, 3_000, "tree"),
        piece(2_000, 3_500, "three", ends=True),
    )
    assert results[0] == SpeechStarted(segment=0, start_ms=0)
    assert partials(results) == ["one", "one two", "one two tree"]
    [final] = finals(results)
    assert (final.start_ms, final.end_ms, final.text, final.confidence) == (0, 3_500, "one two three", 0.5)
    assert [word.text for word in final.words] == ["one", "two", "three"]


def test_what_is_told_reaches_to_the_end_of_the_piece_and_not_only_of_its_last_word() -> None:
    """Or the end of a word that Deepgram places too early would count as not heard."""
    words = [Word("one", 0, 900)]
    [final] = finals(told(piece(0, 1_000, "one", final=True, words=words), piece(1_000, 1_300, "", ends=True)))
    assert (final.end_ms, final.told_to_ms) == (900, 1_300)
    assembler = Assembler(0)
    assembler.piece(piece(0, 1_000, "one", final=True, words=words))
    assembler.piece(piece(1_000, 2_000, "two"))
    [final] = finals(assembler.give_up())
    assert (final.end_ms, final.told_to_ms) == (900, 1_000)


def test_silence_says_nothing_but_moves_what_is_known() -> None:
    """Empty texts are normal."""
    assembler = Assembler(500)
    assert assembler.piece(piece(500, 4_000, "", final=True)) == []
    assert assembler.frozen_ms == 4_000
    assert not assembler.speaking


def test_the_utterance_begins_with_its_first_word() -> None:
    """Not with the silence before it in the same piece."""
    [started, *_] = told(piece(0, 3_000, "hi", words=[Word("hi", 2_400, 2_700)]))
    assert started == SpeechStarted(segment=0, start_ms=2_400)


def test_words_that_turn_out_to_be_noise_are_taken_back() -> None:
    """An empty final of the segment: the port's word for "it was not speech"."""
    results = told(piece(0, 1_000, "uh"), piece(0, 2_000, "", final=True))
    [final] = finals(results)
    assert (final.segment, final.text) == (0, "")


def test_the_fallback_ends_an_utterance_that_noise_keeps_open() -> None:
    """UtteranceEnd counts when no speech_final came."""
    results = told(piece(0, 1_000, "one two", final=True), UtteranceEnd(last_word_end_ms=1_000))
    assert [final.text for final in finals(results)] == ["one two"]


def test_the_fallback_waits_for_words_that_are_not_frozen() -> None:
    """They end the utterance when they are."""
    end = UtteranceEnd(last_word_end_ms=None)
    results = told(piece(0, 1_000, "one", final=True), piece(1_000, 2_000, "to"), end)
    assert finals(results) == []
    results = told(
        piece(0, 1_000, "one", final=True), piece(1_000, 2_000, "to"), end, piece(1_000, 2_000, "two", final=True)
    )
    assert [final.text for final in finals(results)] == ["one two"]


def test_the_fallback_of_an_utterance_that_has_ended_does_not_end_the_next() -> None:
    """It comes late: after speech_final, when the next one may have begun."""
    end = UtteranceEnd(last_word_end_ms=1_000)
    assert told(piece(0, 1_000, "one", ends=True), end)[-1] == finals(told(piece(0, 1_000, "one", ends=True)))[0]
    results = told(piece(0, 1_000, "one", ends=True), piece(1_500, 2_000, "two", final=True), end)
    assert [final.text for final in finals(results)] == ["one"]


def test_a_long_one_is_cut_at_the_next_pause_between_words() -> None:
    """After 15 s; the rest begins the next segment and loses nothing."""
    words = [Word(f"w{n}", n * 500, n * 500 + 480) for n in range(34)]
    words = words[:32] + [Word(word.text, word.start_ms + 200, word.end_ms + 200) for word in words[32:]]
    long = piece(0, 17_300, " ".join(word.text for word in words), final=True, words=words)
    results = told(long)
    [final] = finals(results)
    assert (final.end_ms, final.text.split()[-1]) == (15_980, "w31")
    assert results[-2:] == [
        SpeechStarted(segment=1, start_ms=16_200),
        PartialResult(segment=1, start_ms=16_200, end_ms=17_180, text="w32 w33", words=words[32:]),
    ]


def test_without_a_pause_it_is_cut_at_18_seconds() -> None:
    """At the longest of the short ones."""
    words = [Word(f"w{n}", n * 500, n * 500 + (450 if n == 33 else 480)) for n in range(37)]
    results = told(piece(0, 18_500, " ".join(word.text for word in words), final=True, words=words))
    assert [final.text.split()[-1] for final in finals(results)] == ["w33"]


def test_words_that_are_never_frozen_are_asked_for() -> None:
    """18 s of text that may still change: the stream asks for finals."""
    assembler = Assembler(0)
    assembler.piece(piece(0, 17_000, "on and on"))
    assert not assembler.overdue
    assembler.piece(piece(0, 18_000, "on and on and on"))
    assert assembler.overdue


def test_pieces_without_word_times_are_cut_between_pieces() -> None:
    """Words may be missing."""
    results = told(*(piece(n * 3_000, n * 3_000 + 2_800, f"p{n}", final=True, words=[]) for n in range(7)))
    assert [final.text for final in finals(results)] == ["p0 p1 p2 p3 p4 p5"]


def test_at_the_end_all_text_counts_and_after_a_break_only_what_is_frozen() -> None:
    """A stream that ended in order told all; one that broke may have been about to change its mind."""
    for frozen in (True, False):
        ended, broken = Assembler(0), Assembler(0)
        for assembler in (ended, broken):
            if frozen:
                assembler.piece(piece(0, 1_000, "one", final=True))
            assembler.piece(piece(1_000, 2_000, "two"))
        assert [final.text for final in finals(ended.finish())] == ["one two" if frozen else "two"]
        assert [final.text for final in finals(broken.give_up())] == (["one"] if frozen else [])
        assert broken.frozen_ms == (1_000 if frozen else 0)


@st.composite
def talks(draw: st.DrawFn) -> list[Piece | UtteranceEnd]:
    """What a server may tell: interims that are frozen differently, pauses, ends, with words numbered through."""
    messages: list[Piece | UtteranceEnd] = []
    now = number = 0
    for _ in range(draw(st.integers(1, 12))):
        start, words = now, []
        for _ in range(draw(st.integers(0, 12))):
            now += draw(st.integers(0, 400))
            words.append(Word(f"w{number}", now, now := now + draw(st.integers(50, 900))))
            number += 1
        now += draw(st.integers(0, 2_000))
        text = " ".join(word.text for word in words)
        if draw(st.booleans()):
            messages.append(piece(start, now, "something like " + text))
        messages.append(piece(start, now, text, final=True, ends=draw(st.booleans()), words=words))
        if draw(st.booleans()):
            messages.append(UtteranceEnd(last_word_end_ms=draw(st.none() | st.integers(0, now))))
    return messages


@settings(deadline=None)
@given(talks())
def test_any_talk_keeps_the_promises_of_the_port(messages: list[Piece | UtteranceEnd]) -> None:
    """Every word once and in order; starts and ends in pairs; no overlap; nothing longer than it may be."""
    assembler = Assembler(0)
    results: list[Result] = []
    for message in messages:
        results += assembler.piece(message) if isinstance(message, Piece) else assembler.utterance_end(message)
    results += assembler.finish()

    ended = finals(results)
    assert " ".join(final.text for final in ended).split() == [
        word.text for message in messages if isinstance(message, Piece) and message.is_final for word in message.words
    ]
    started = [result.segment for result in results if isinstance(result, SpeechStarted)]
    assert started == [final.segment for final in ended] == list(range(len(ended)))
    end_ms = 0
    for final in ended:
        assert end_ms <= final.start_ms < final.end_ms
        end_ms = final.end_ms
        assert final.end_ms - final.start_ms <= CUT_AT_MS
