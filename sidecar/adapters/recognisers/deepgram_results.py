"""From Deepgram's pieces to segments: ``is_final`` pieces are put together until the speaker pauses, long ones are cut.

Pure: no socket, no clock. One assembler per connection.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sidecar.domain.events import Word
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted
from sidecar.wire.deepgram_listen import Piece, UtteranceEnd

# Somebody who does not stop is cut at the next pause between two words, and in the end at the longest pause since.
CUT_AFTER_MS = 15_000
CUT_PAUSE_MS = 100
CUT_AT_MS = 18_000


class Assembler:
    """Feed messages in order, hand on what comes out; ``finish`` or ``give_up`` when no more will come."""

    def __init__(self, base_ms: int) -> None:
        """``base_ms``: where the connection's audio begins."""
        self._segment = -1
        self._open = False
        self._start_ms = 0
        self._frozen: list[Piece] = []  # the open segment's pieces that will not change
        self._interim: Piece | None = None  # and the one that will
        self._ending = False  # nobody spoke for a while, but the last words are not frozen yet
        self._shown = ""
        self._last_end_ms = base_ms  # segments do not overlap
        self.frozen_ms = base_ms  # all speech before this is told and will not change

    @property
    def speaking(self) -> bool:
        """Whether a segment is open."""
        return self._open

    @property
    def overdue(self) -> bool:
        """Whether the open segment is longer than any may be, and waits for words to be frozen: ask for it."""
        last = self._interim or (self._frozen[-1] if self._frozen else None)
        return self._open and last is not None and last.end_ms - self._start_ms >= CUT_AT_MS

    def piece(self, piece: Piece) -> list[Result]:
        """A ``Results`` message."""
        results: list[Result] = []
        if piece.text and not self._open:
            self._begin(piece, results)
        if piece.is_final:
            self.frozen_ms = max(self.frozen_ms, piece.end_ms)
            self._interim = None
            if piece.text:
                self._frozen.append(piece)
        else:
            self._interim = piece if piece.text else None
        if not self._open:
            return results
        nothing_left = piece.is_final and not self._frozen  # what was shown turned out not to be speech
        self._cut(results)
        if not self._open:
            return results
        if piece.ends or nothing_left or (self._ending and piece.is_final):
            self._end(self._frozen, results, self.frozen_ms)
        else:
            self._show(results)
        return results

    def utterance_end(self, told: UtteranceEnd) -> list[Result]:
        """The fallback when noise hides the pause. Counts only for the segment that is open now.

        https://developers.deepgram.com/docs/understanding-end-of-speech-detection
        """
        end_ms = told.last_word_end_ms
        if not self._open or (end_ms is not None and end_ms <= self._start_ms):
            return []
        if self._interim is not None or not self._frozen:
            self._ending = True
            return []
        results: list[Result] = []
        self._end(self._frozen, results, self.frozen_ms)
        return results

    def finish(self) -> list[Result]:
        """The stream ended in order: whatever text there is of the open segment is its final."""
        results: list[Result] = []
        if self._open:
            last = [self._interim] if self._interim else []
            self._end([*self._frozen, *last], results, max([self.frozen_ms, *(piece.end_ms for piece in last)]))
        return results

    def give_up(self) -> list[Result]:
        """The stream broke: what is frozen stays true; the rest, from ``frozen_ms`` on, is lost."""
        results: list[Result] = []
        if self._open and self._frozen:
            self._end(self._frozen, results, self.frozen_ms)
        return results

    def _begin(self, piece: Piece, results: list[Result]) -> None:
        self._open, self._ending, self._shown = True, False, ""
        self._segment += 1
        start_ms = piece.words[0].start_ms if piece.words else piece.start_ms
        self._start_ms = max(start_ms, self._last_end_ms)
        results.append(SpeechStarted(segment=self._segment, start_ms=self._start_ms))

    def _show(self, results: list[Result]) -> None:
        pieces = [*self._frozen, *([self._interim] if self._interim else [])]
        text = _text(pieces)
        if text != self._shown:
            self._shown = text
            end_ms = self._end_of(pieces)
            words = [word for piece in pieces for word in piece.words]
            results.append(
                PartialResult(segment=self._segment, start_ms=self._start_ms, end_ms=end_ms, text=text, words=words)
            )

    def _end(self, pieces: Sequence[Piece], results: list[Result], told_to_ms: int | None = None) -> None:
        words = [word for piece in pieces for word in piece.words]
        self._last_end_ms = self._end_of(pieces)
        results.append(
            FinalResult(
                segment=self._segment,
                start_ms=self._start_ms,
                end_ms=self._last_end_ms,
                text=_text(pieces),
                words=words,
                confidence=_confidence(words, pieces),
                told_to_ms=told_to_ms,
            )
        )
        self._open, self._frozen, self._interim = False, [], None

    def _cut(self, results: list[Result]) -> None:
        """As often as the frozen words are too long for one segment: end it between two of them, begin the next."""
        while self._open and (split := self._place_to_cut()) is not None:
            head, tail = split
            interim = self._interim
            self._end(head, results)
            if tail:
                self._begin(tail[0], results)
            elif interim is not None:
                self._begin(interim, results)
            self._frozen, self._interim = tail, interim

    def _place_to_cut(self) -> tuple[list[Piece], list[Piece]] | None:
        """The frozen pieces before and after the cut; None when it is too early, or nobody paused yet."""
        if not self._frozen or self._frozen[-1].end_ms - self._start_ms < CUT_AFTER_MS:
            return None
        units = [unit for piece in self._frozen for unit in _units(piece)]
        best: tuple[int, int] | None = None  # the pause, and how many units lie before it
        for n, unit in enumerate(units):
            length_ms = unit.end_ms - self._start_ms
            if length_ms > CUT_AT_MS and n > 0:
                cut = best[1] if best else n
                return units[:cut], units[cut:]
            if length_ms >= CUT_AFTER_MS:
                next_ms = units[n + 1].start_ms if n + 1 < len(units) else self._frozen[-1].end_ms
                if next_ms - unit.end_ms >= CUT_PAUSE_MS:
                    return units[: n + 1], units[n + 1 :]
                best = max(best or (0, 0), (next_ms - unit.end_ms, n + 1))
        return None

    def _end_of(self, pieces: Sequence[Piece]) -> int:
        last = pieces[-1] if pieces else None
        end_ms = self._start_ms if last is None else last.words[-1].end_ms if last.words else last.end_ms
        return max(end_ms, self._start_ms + 1)


def _text(pieces: Sequence[Piece]) -> str:
    return " ".join(piece.text for piece in pieces)


def _units(piece: Piece) -> list[Piece]:
    """A piece as one piece per word, so that it can be cut; one without words stays whole."""
    if not piece.words:
        return [piece]
    return [
        msgspec.structs.replace(piece, start_ms=word.start_ms, end_ms=word.end_ms, text=word.text, words=[word])
        for word in piece.words
    ]


def _confidence(words: Sequence[Word], pieces: Sequence[Piece]) -> float | None:
    """The mean over the words, or over the pieces where words have none."""
    known = [word.confidence for word in words if word.confidence is not None]
    known = known or [piece.confidence for piece in pieces if piece.confidence is not None]
    return round(sum(known) / len(known), 4) if known else None
