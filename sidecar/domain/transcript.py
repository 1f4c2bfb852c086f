"""From a recogniser's segments to utterances with ids that last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from sidecar.domain.events import UtteranceFinal, UtterancePartial, Word


class OpenUtterance(msgspec.Struct, frozen=True):
    """An utterance that is being spoken or still being recognised."""

    id: str
    start_ms: int
    shown: bool = False  # some partial of it was published


# A session that hears speech again places its start at most so far from where the one before did.
SAME_START_MS = 1_500


class UtteranceDesk:
    """Gives each segment of one recogniser session its utterance id at speech start and keeps it until the final.

    All times are conference ms; the caller converts. Nothing here is shared between participants.
    """

    def __init__(
        self,
        *,
        participant: str,
        fork: str,
        session: str,
        engine: str,
        new_id: Callable[[], str],
        half_said: list[OpenUtterance] | None = None,
        late: bool = False,
    ) -> None:
        """``half_said``: utterances of sessions that broke, taken over (and out) by whoever hears them again.

        ``late``: the session hears old audio while another one hears the present.
        """
        self._participant = participant
        self._fork = fork
        self._session = session
        self._engine = engine
        self._new_id = new_id
        self._half_said = half_said if half_said is not None else []
        self._late = late
        self._open: dict[int, OpenUtterance] = {}

    @property
    def speaking(self) -> bool:
        """Whether any utterance is open."""
        return bool(self._open)

    def begin(self, segment: int, start_ms: int) -> OpenUtterance:
        """Speech started, or the first news of a segment whose start was not told."""
        if segment not in self._open:
            self._open[segment] = self._taken_over(start_ms) or OpenUtterance(self._new_id(), start_ms)
        return self._open[segment]

    def hand_over(self) -> None:
        """The session broke: what is open keeps its id for the session that hears it again."""
        self._half_said.extend(self._open.values())
        self._open.clear()

    def _taken_over(self, start_ms: int) -> OpenUtterance | None:
        for utterance in self._half_said:
            if abs(utterance.start_ms - start_ms) <= SAME_START_MS:
                self._half_said.remove(utterance)
                return utterance
        return None

    def partial(
        self, segment: int, start_ms: int, end_ms: int, text: str, lag_ms: int, *, coaching: bool = False
    ) -> UtterancePartial | None:
        """The event for a new partial; None for an empty one that would clear nothing."""
        utterance = self.begin(segment, start_ms)
        if not text and not utterance.shown:
            return None
        self._open[segment] = msgspec.structs.replace(utterance, shown=True)
        return self._partial(utterance, end_ms, text, lag_ms, coaching=coaching)

    def final(
        self,
        segment: int,
        start_ms: int,
        end_ms: int,
        text: str,
        *,
        lag_ms: int,
        words: Sequence[Word] = (),
        confidence: float | None = None,
        coaching: bool = False,
    ) -> UtteranceFinal | UtterancePartial | None:
        """The utterance, ready to be stored. For empty text: a clearing partial if one was shown, else None."""
        utterance = self.begin(segment, start_ms)
        del self._open[segment]
        if not text.strip():
            return self._partial(utterance, end_ms, "", lag_ms) if utterance.shown else None
        return UtteranceFinal(
            id=utterance.id,
            participant=self._participant,
            fork=self._fork,
            session=self._session,
            result_index=segment,
            revision=1,
            start_ms=start_ms,
            end_ms=max(start_ms, end_ms),
            text=text.strip(),
            engine=self._engine,
            lag_ms=lag_ms,
            confidence=confidence,
            words=list(words),
            coaching=coaching,
            late=self._late,
        )

    def abandon(self, segment: int, end_ms: int) -> UtterancePartial | None:
        """There will be no text for a segment: the event that clears its partial, if one was shown."""
        utterance = self._open.pop(segment, None)
        return self._partial(utterance, end_ms, "", 0) if utterance and utterance.shown else None

    def _partial(
        self, utterance: OpenUtterance, end_ms: int, text: str, lag_ms: int, *, coaching: bool = False
    ) -> UtterancePartial:
        return UtterancePartial(
            id=utterance.id,
            participant=self._participant,
            start_ms=utterance.start_ms,
            end_ms=max(utterance.start_ms, end_ms),
            text=text,
            lag_ms=lag_ms,
            coaching=coaching,
        )
