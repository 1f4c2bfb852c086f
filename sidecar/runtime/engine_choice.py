"""Which engine listens: the one that was chosen, or while that fails the fallback; one breaker per engine.

Belongs to the whole process: what one fork finds out about an engine, all others know.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection

import structlog

from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.recogniser import Recogniser

log = structlog.get_logger()

# So many sessions that broke before they told anything, within so long, and nobody asks the engine any more.
FAILURES = 3
WITHIN_S = 30.0
# Then one session at a time finds out whether it is back.
PROBE_EVERY_S = 15.0


class _Breaker:
    """Whether an engine is asked. A session that had told something and broke is no sign that the next one would."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.recogniser = recogniser
        self.failures: deque[float] = deque(maxlen=FAILURES)
        self.probe_at: float | None = None  # open while not None


class EngineChoice:
    """``primary``: who is to listen. ``fallback``: who does while that one fails, if there is one."""

    def __init__(
        self, primary: Recogniser, fallback: Recogniser | None = None, *, now: Callable[[], float] | None = None
    ) -> None:
        """``now``: seconds of a clock that never goes back; by default the event loop's."""
        self.engines = (primary,) if fallback is None else (primary, fallback)
        self._breakers = {engine.engine: _Breaker(engine) for engine in self.engines}
        self._now = now or (lambda: asyncio.get_running_loop().time())

    @property
    def primary(self) -> Recogniser:
        """The engine that was chosen."""
        return self.engines[0]

    def given_up(self, engine: str) -> bool:
        """Whether nobody but a probe asks this engine now."""
        return self._breakers[engine].probe_at is not None

    def best(self, avoided: Collection[str] = ()) -> Recogniser | None:
        """Who is to listen to a fork now; ``avoided``: engines that just failed this fork, asked only if none else can.

        None: all are given up.
        """
        able = [engine for engine in self.engines if not self.given_up(engine.engine)]
        return next((engine for engine in able if engine.engine not in avoided), able[0] if able else None)

    def probe(self) -> Recogniser | None:
        """An engine that was given up and may be asked again, by one session; the next one in PROBE_EVERY_S."""
        for breaker in self._breakers.values():
            if breaker.probe_at is not None and self._now() >= breaker.probe_at:
                breaker.probe_at = self._now() + PROBE_EVERY_S
                return breaker.recogniser
        return None

    def told(self, engine: str) -> None:
        """A session of this engine told something: the engine works."""
        breaker = self._breakers[engine]
        breaker.failures.clear()
        if breaker.probe_at is not None:
            breaker.probe_at = None
            log.info("recogniser_back", engine=engine)

    def failed(self, engine: str, error: Exception) -> None:
        """A session of this engine broke, or was not to be had, before it told anything."""
        breaker, now = self._breakers[engine], self._now()
        if getattr(error, "gap_reason", "") == "recogniser_overloaded":
            return  # no session is free just now: that concerns this fork, not those that have one
        breaker.failures.append(now)
        permanent = isinstance(error, RecogniserUnavailable) and error.permanent
        often = len(breaker.failures) == FAILURES and now - breaker.failures[0] <= WITHIN_S
        if breaker.probe_at is None and (permanent or often):
            # The sentence of an error names no caller and no word of a call.
            log.error("recogniser_given_up", engine=engine, permanent=permanent, problem=str(error))
            breaker.probe_at = now + PROBE_EVERY_S

    def check(self) -> None:
        """Raises RecogniserUnavailable when none can listen, with what the chosen engine says."""
        try:
            self.primary.check()
        except RecogniserUnavailable:
            for engine in self.engines[1:]:
                engine.check()
                return
            raise
