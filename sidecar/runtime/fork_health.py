"""How a fork is being transcribed just now: told when that changes, and again while it is not as usual."""

from __future__ import annotations

from sidecar.domain.conference.values import Fork
from sidecar.domain.events import ForkHealth
from sidecar.runtime.engine_choice import EngineChoice
from sidecar.runtime.recogniser_lane import Lane
from sidecar.runtime.recorder import Recorder

# Less than this is not worth a word: it is made up for in seconds.
BEHIND_MS = 2_000
# Who opens a page while something is wrong hears of it within this.
AGAIN_MS = 3_000


class HealthReport:
    """One per stream. Times are ms of its audio."""

    def __init__(self, fork: Fork, engines: EngineChoice, recorder: Recorder) -> None:
        self._fork = fork
        self._engines = engines
        self._recorder = recorder
        self._told: tuple[str | None, int] = (engines.primary.engine, 0)
        self._told_at_ms = 0

    def tell(self, live: Lane | None, waiting_ms: int, now_ms: int) -> None:
        """``waiting_ms``: audio that nobody has heard yet."""
        behind_ms = waiting_ms if waiting_ms >= BEHIND_MS else 0
        engine = live.engine if live is not None and live.hearing else None
        if engine is None and not behind_ms:
            engine = self._told[0]  # between two sessions: who comes next is said when it is there
        state = (engine, behind_ms // 1000)
        usual = state == (self._engines.primary.engine, 0)
        if state == self._told and (usual or now_ms - self._told_at_ms < AGAIN_MS):
            return
        self._told, self._told_at_ms = state, now_ms
        self._recorder.tell(
            [
                ForkHealth(
                    fork=self._fork.id,
                    participant=self._fork.participant_id,
                    engine=engine,
                    fallback=engine is not None and engine != self._engines.primary.engine,
                    behind_ms=behind_ms,
                )
            ]
        )
