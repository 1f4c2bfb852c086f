"""What the assistant says, on its way to the line and back as marks: one turn at a time.

The rules are ``domain.assistant.playback``'s; this carries them out, knows when the first sound left, and says what a
turn came to. While there is no line nothing is said, and what was being said when it broke is over, as far as it was
heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from sidecar.domain.assistant.playback import Clear, Mark, Media, Outcome, Output, Over, Playback
from sidecar.runtime.assistant.line import Line, LineLost, LineWriter


class Turn(msgspec.Struct, kw_only=True):
    """A turn that is being spoken. ``first_sound_ms``: when its first audio was handed to the line, or None."""

    id: str
    first_sound_ms: int | None = None
    heard_until_ms: int = 0


class Mouth:
    """``run`` is a line's one task. All methods are synchronous; ``stirred`` is called when ``next_ms`` changed."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        *,
        on_sound: Callable[[str], None],
        on_heard: Callable[[str], None],
        on_over: Callable[[Turn, Over], None],
        stirred: Callable[[], None],
    ) -> None:
        """``on_sound``: these words sound about now. ``on_heard``: all that was heard of the turn so far."""
        self._now_ms = now_ms
        self._on_sound, self._on_heard, self._on_over = on_sound, on_heard, on_over
        self._stirred = stirred
        self._playback = Playback()
        self._writer: LineWriter | None = None
        self._moved = asyncio.Event()
        self.turn: Turn | None = None

    # -- the line ----------------------------------------------------------------------------------------------

    @property
    def line(self) -> Line | None:
        """The line that is open."""
        return self._writer.line if self._writer else None

    async def run(self, line: Line) -> None:
        """Speak over this line until it is lost (LineLost) or this is cancelled; then it is closed."""
        writer = self._writer = LineWriter(line)
        self._playback = Playback()
        self._stirred()
        try:
            await writer.run()
        finally:
            if self._writer is writer:
                self._writer = None
                self._take(self._playback.abandon())
            await writer.close()

    def marked(self, line: Line, name: str) -> None:
        """A mark came back on this line."""
        if self.line is not line:
            return
        before = self._playback.heard_ms
        outputs = self._playback.echo(name, self._now_ms())
        if self.turn is not None and self._playback.heard_ms > before:
            self.turn.heard_until_ms = self._now_ms()
            self._on_heard(self._playback.heard)
        self._take(outputs)

    # -- the turn ----------------------------------------------------------------------------------------------

    @property
    def free(self) -> bool:
        """Whether a turn may begin."""
        return self._writer is not None and self.turn is None

    async def until_waiting(self, most_ms: int) -> None:
        """Returns when no more audio than this waits to be sent."""
        while self._playback.waiting_ms > most_ms:
            self._moved.clear()
            await self._moved.wait()

    @property
    def sounding(self) -> bool:
        """Whether something of a turn was sent."""
        return self._playback.sounding

    def begin(self, turn: str) -> None:
        """A turn begins; there is a line, and the turn before is over."""
        self.turn = Turn(id=turn)
        self._playback.begin(turn, self._now_ms())

    def piece(self, turn: str, text: str) -> None:
        """The audio that follows says this."""
        self._playback.open_piece(turn, text)

    def words(self, turn: str, text: str) -> None:
        """More of what the piece's audio says, where both come side by side."""
        self._playback.add_text(turn, text)

    def audio(self, turn: str, audio: bytes) -> None:
        """More of it."""
        self._playback.add_audio(turn, audio)
        self._take(self._playback.tick(self._now_ms()))

    def piece_done(self, turn: str) -> None:
        """All audio of the piece is here."""
        self._playback.close_piece(turn)
        self._stirred()

    def end(self, turn: str) -> None:
        """Nothing more will come. The turn is over when the last of it was heard."""
        self._playback.end(turn)
        self._take(self._playback.tick(self._now_ms()))

    def hold(self) -> None:
        """Be silent until ``go_on`` or ``cut``."""
        self._take(self._playback.hold(self._now_ms()))

    def go_on(self) -> None:
        """From where it stopped."""
        self._take(self._playback.go_on(self._now_ms()))

    def cut(self) -> None:
        """The turn ends here."""
        self._take(self._playback.cut())

    def abandon(self) -> None:
        """The turn cannot go on; what was sent of it is thrown away."""
        self._take(self._playback.abandon())

    def tick(self) -> None:
        """Call it at ``next_ms``."""
        self._take(self._playback.tick(self._now_ms()))

    def next_ms(self) -> int | None:
        """When ``tick`` is due."""
        return self._playback.next_ms()

    def _take(self, outputs: Sequence[Output]) -> None:
        to_send: list[Media | Mark | Clear] = []
        over: Over | None = None
        for output in outputs:
            match output:
                case Over():
                    over = output
                case Media(text=text):
                    to_send.append(output)
                    self._sounds(text)
                case Mark() | Clear():
                    to_send.append(output)
        if to_send and self._writer is not None:
            self._writer.send(to_send)
        if over is not None and self.turn is not None:
            turn, self.turn = self.turn, None
            self._on_over(turn, over)
        self._moved.set()
        self._stirred()

    def _sounds(self, text: str) -> None:
        if self.turn is not None and self.turn.first_sound_ms is None:
            self.turn.first_sound_ms = self.turn.heard_until_ms = self._now_ms()
        self._on_sound(text)


__all__ = ["LineLost", "Mouth", "Outcome", "Turn"]
