"""From a recogniser's segments to utterances with ids that last, and the manifest of a finished transcript."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sidecar.domain.events import Event, TranscriptCompleted, TranscriptGap, UtteranceFinal, UtterancePartial, Word


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


class Manifest:
    """Adds up a conference's events, in order of seq, to what ``transcript.completed`` says."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._utterances: set[str] = set()
        self._gaps = 0
        self._gap_ms = 0
        self._last_seq = 0
        self._revision = 1

    def add(self, events: Iterable[Event]) -> None:
        """More events; they must follow the ones added before."""
        for event in events:
            self._last_seq = event.seq or self._last_seq
            data = event.data
            if isinstance(data, UtteranceFinal):
                self._utterances.add(data.id)
                self._digest.update(f"{event.seq},{data.id},{data.revision},{data.text}\n".encode())
            elif isinstance(data, TranscriptGap):
                self._gaps += 1
                self._gap_ms += data.to_ms - data.from_ms
            elif isinstance(data, TranscriptCompleted):
                self._revision = data.revision + 1

    def completed(self) -> TranscriptCompleted:
        """The manifest over all that was added. A correction after the first one gives the next revision."""
        return TranscriptCompleted(
            utterances=len(self._utterances),
            gaps=self._gaps,
            gap_ms=self._gap_ms,
            last_seq=self._last_seq,
            sha256=self._digest.hexdigest(),
            revision=self._revision,
        )
