"""Deepgram's live messages (``listen.v1``) as typed values: any object with attributes in, a value or nothing out.

Knows no vendor class, no socket and no clock. Fields: https://developers.deepgram.com/docs/live-streaming-audio and the
``asyncapi.yml`` of https://github.com/deepgram/deepgram-api-specs. Everything that may be missing is optional here,
because the SDK does not validate: what the server left out arrives as ``None``.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.domain.events import Word

# A stream lives for hours, not months: a time beyond this (or below zero, or not a number) is no time.
_MAX_SECONDS = 10_000_000.0


class MessageUnreadable(ValueError):
    """A message of a known type that does not say what such a message has to say."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One ``Results`` message.

    ``is_final``: this stretch of audio is done with and will not be told again; else the next piece replaces this one.
    ``ends``: the speaker paused here (``speech_final``), or we asked for an end (``from_finalize``).
    Empty ``text`` is normal: nobody spoke from ``start_ms`` to ``end_ms``.
    """

    start_ms: int
    end_ms: int
    text: str
    words: Sequence[Word]
    confidence: float | None
    is_final: bool
    ends: bool


class UtteranceEnd(msgspec.Struct, frozen=True, kw_only=True):
    """No word followed for a while. ``last_word_end_ms``: None when the server does not know."""

    last_word_end_ms: int | None


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    punctuated_word: str | None = None
    confidence: float | None = None


class _Alternative(msgspec.Struct):
    transcript: str | None = None
    confidence: float | None = None
    words: list[_Word] | None = None


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative] | None = None


class _Results(msgspec.Struct):
    start: float
    duration: float
    is_final: bool | None = None
    speech_final: bool | None = None
    from_finalize: bool | None = None
    channel: _Channel | None = None


class _UtteranceEnd(msgspec.Struct):
    last_word_end: float | None = None


def read_message(message: object, base_ms: int) -> Piece | UtteranceEnd | None:
    """What a message says; None for types that say nothing to us (Metadata, SpeechStarted, unknown ones, bytes).

    Deepgram counts from 0 with every connection; ``base_ms``, where this one's first byte lies, is added to all times.
    SpeechStarted is left out on purpose: it is not aligned with the first word
    (https://developers.deepgram.com/docs/speech-started). Raises MessageUnreadable.
    """
    try:
        match getattr(message, "type", None):
            case "Results":
                return _piece(msgspec.convert(message, _Results, from_attributes=True), base_ms)
            case "UtteranceEnd":
                end = msgspec.convert(message, _UtteranceEnd, from_attributes=True).last_word_end
                # -1 has been reported from the field for "unknown".
                return UtteranceEnd(last_word_end_ms=None if end is None or end < 0 else base_ms + _ms(end))
            case _:
                return None
    except msgspec.ValidationError as error:
        raise MessageUnreadable(str(error)) from None


def _piece(results: _Results, base_ms: int) -> Piece:
    alternatives = (results.channel.alternatives if results.channel else None) or [_Alternative()]
    best = alternatives[0]
    is_final = bool(results.is_final)
    start_ms = base_ms + _ms(results.start)
    return Piece(
        start_ms=start_ms,
        end_ms=start_ms + _ms(results.duration),
        text=(best.transcript or "").strip(),
        words=[_word(word, base_ms) for word in best.words or ()],
        confidence=best.confidence,
        is_final=is_final,
        # speech_final is documented to come with is_final only, but one sample of the documents has it without.
        ends=is_final and bool(results.speech_final or results.from_finalize),
    )


def _word(told: _Word, base_ms: int) -> Word:
    start_ms = base_ms + _ms(told.start)
    end_ms = max(start_ms, base_ms + _ms(told.end))
    return Word(told.punctuated_word or told.word, start_ms, end_ms, told.confidence)


def _ms(seconds: float) -> int:
    if not 0 <= seconds < _MAX_SECONDS:
        raise MessageUnreadable("A time is out of range.")
    return round(seconds * 1000)
