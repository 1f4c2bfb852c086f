"""What the lanes of one stream hear, written down as utterances, partials and gaps on the conference clock.

Lanes overlap: a new one begins before the place where an old one broke. What another lane told is left
out, so that no word is there twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.domain.conference.values import Fork
from sidecar.domain.events import TranscriptGap, UtteranceFinal, UtterancePartial, Word
from sidecar.domain.replay import RING_MS, Replay, Span
from sidecar.domain.same_words import middle, told_before
from sidecar.domain.spans import Hearing
from sidecar.domain.stream_clock import StreamClock
from sidecar.domain.transcript import OpenUtterance
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted, Unrecognised
from sidecar.runtime.recogniser_lane import Lane
from sidecar.runtime.recorder import Recorder

# A word that begins so soon after a lane's first audio may be the end of a longer one.
TORN_MS = 100


class Scribe:
    """One per stream. Times of results count a lane's audio, those of ``gap`` the stream's; events the conference."""

    def __init__(
        self, fork: Fork, replay: Replay, *, timeline: StreamClock, recorder: Recorder, hearing: Hearing
    ) -> None:
        self._fork = fork
        self._replay = replay
        self._timeline = timeline
        self._recorder = recorder
        self._hearing = hearing
        self._told: list[tuple[Lane, Word]] = []  # of the last half minute, in audio ms, in order

    def take(self, lane: Lane, result: Result) -> None:
        """Turn a result into what the transcript says of it."""
        start_ms = lane.began_ms + result.start_ms
        if isinstance(result, SpeechStarted):
            lane.desk.begin(result.segment, self._conference_ms(start_ms))
            return
        end_ms = lane.began_ms + result.end_ms
        match result:
            case PartialResult():
                self._partial(lane, result, start_ms, end_ms)
            case FinalResult():
                self._final(lane, result, start_ms, end_ms)
                told_to_ms = end_ms if result.told_to_ms is None else lane.began_ms + result.told_to_ms
                self._replay.cover(start_ms, max(end_ms, told_to_ms))
                self._note_covered(end_ms)
            case Unrecognised():
                cleared = lane.desk.abandon(result.segment, self._conference_ms(end_ms))
                self._recorder.tell([cleared] if cleared else [])
                self.gap(start_ms, end_ms, result.reason)

    def gap(self, from_ms: int, to_ms: int, reason: str) -> None:
        """Nobody will hear this any more: declared, but for what was muted or held."""
        self._replay.cover(from_ms, to_ms)
        for start, end in self._hearing.rests.outside(self._conference_ms(from_ms), self._conference_ms(to_ms)):
            self._recorder.record_soon(
                TranscriptGap(
                    participant=self._fork.participant_id, fork=self._fork.id, from_ms=start, to_ms=end, reason=reason
                )
            )

    def clear(self, half_said: list[OpenUtterance]) -> None:
        """Of these there will be no more text: take from the pages what they show of them."""
        shown = [utterance for utterance in half_said if utterance.shown]
        half_said.clear()
        self._recorder.tell(
            [
                UtterancePartial(
                    id=utterance.id,
                    participant=self._fork.participant_id,
                    start_ms=utterance.start_ms,
                    end_ms=utterance.start_ms,
                    text="",
                    lag_ms=0,
                )
                for utterance in shown
            ]
        )

    def _partial(self, lane: Lane, result: PartialResult, start_ms: int, end_ms: int) -> None:
        words = _shifted(result.words, lane.began_ms)
        news, _ = self._news(lane, words)
        text = result.text if len(news) == len(words) else " ".join(word.text for word in news)
        start, end = self._conference_ms(start_ms), self._conference_ms(end_ms)
        partial = lane.desk.partial(
            result.segment, start, end, text, self._lag_ms(end), coaching=self._coaching(start, end)
        )
        self._recorder.tell([partial] if partial else [])

    def _final(self, lane: Lane, result: FinalResult, start_ms: int, end_ms: int) -> None:
        words = _shifted(result.words, lane.began_ms)
        news, told_to_ms = self._news(lane, words)
        text = result.text
        if len(news) < len(words):
            self._recorder.tally.words_heard_twice += len(words) - len(news)
            lane.absorbed_ms = max(lane.absorbed_ms, told_to_ms)
            text = " ".join(word.text for word in news)
            start_ms, end_ms = (news[0].start_ms, news[-1].end_ms) if news else (start_ms, end_ms)
        self._remember(lane, news)
        start, end = self._conference_ms(start_ms), self._conference_ms(end_ms)
        fact = lane.desk.final(
            result.segment,
            start,
            end,
            text,
            lag_ms=self._lag_ms(end),
            words=[self._on_conference_clock(word) for word in news],
            confidence=result.confidence,
            coaching=self._coaching(start, end),
        )
        if isinstance(fact, UtteranceFinal):
            self._recorder.record_soon(fact)
        elif fact:
            self._recorder.tell([fact])

    def _note_covered(self, end_ms: int) -> None:
        """With a final: up to its end, or to what a slower lane has yet to hear."""
        missing = self._replay.missing()
        until_ms = min(end_ms, missing[0][0]) if missing else end_ms
        self._recorder.cover(self._fork.id, self._conference_ms(until_ms))

    def _news(self, lane: Lane, words: Sequence[Word]) -> tuple[list[Word], int]:
        """The words that no other lane told, and the middle of the last one that another did."""
        told = [
            (other, word)
            for other, word in self._told
            if other is not lane and middle(word) > lane.absorbed_ms and lane.hears(middle(word))
        ]
        if not told or not words:
            return list(words), -1
        same = told_before(
            words,
            [word for _, word in told],
            began_ms=lane.began_ms,
            answers_ms=None if lane.began_amid else lane.answers_ms,
            listened=_stretches(told),
        )
        news = [word for i, word in enumerate(words) if i not in same and not _torn(word, lane)]
        return news, max((middle(told[j][1]) for j in same.values()), default=-1)

    def _remember(self, lane: Lane, words: Sequence[Word]) -> None:
        since_ms = self._replay.head_ms - RING_MS
        kept = [entry for entry in self._told if entry[1].end_ms >= since_ms]
        self._told = sorted([*kept, *((lane, word) for word in words)], key=lambda entry: middle(entry[1]))

    def _coaching(self, start: int, end: int) -> bool:
        return self._hearing.coaching.touch(start, max(end, start + 1))

    def _lag_ms(self, end: int) -> int:
        return max(0, self._recorder.now_ms() - end)

    def _on_conference_clock(self, word: Word) -> Word:
        return msgspec.structs.replace(
            word, start_ms=self._conference_ms(word.start_ms), end_ms=self._conference_ms(word.end_ms)
        )

    def _conference_ms(self, audio_ms: int) -> int:
        return self._timeline.conference_ms(audio_ms)


def _shifted(words: Sequence[Word], by_ms: int) -> list[Word]:
    return [msgspec.structs.replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms) for word in words]


def _stretches(told: Sequence[tuple[Lane, Word]]) -> list[Span]:
    """Of each lane: from where it answered to the last word that it told."""
    return [(lane.answers_ms, middle(word)) for lane, word in dict(told).items()]


def _torn(word: Word, lane: Lane) -> bool:
    """The rest of a word that another lane heard whole: it touches the beginning of the lane's lead-in."""
    return word.start_ms < lane.began_ms + TORN_MS and middle(word) < lane.answers_ms
