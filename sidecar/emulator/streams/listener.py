"""Who listens to what the service says on its stream: nobody on a fork; on a two-way stream it is played. No sockets.

Both hand back the names of marks that are to be echoed now. What is played, and when, is for ``playout``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.faults.late_marks import LateMarks
from sidecar.emulator.faults.orders import DelayMarks, LoseMarks
from sidecar.emulator.streams.messages import Clear, Mark, Media, MessageMalformed, read_message
from sidecar.emulator.streams.playout import Playout

Note = Callable[[ErrorNumber, str], None]


class StreamListener(Protocol):
    """The emulator's ear on a stream's socket."""

    def hear(self, text: str | None, /) -> Sequence[str]:
        """A message of the service; None for one that is not text."""
        ...

    def play(self, tick: int, /) -> Sequence[str]:
        """The clock has come to that tick."""
        ...

    def suffer(self, order: LoseMarks | DelayMarks, /) -> None:
        """Let marks come late or never."""
        ...

    def end(self) -> None:
        """The stream is over, and whatever the service still says on it is not heard. Twice is no error."""
        ...


class OneWay:
    """A fork's: whatever comes is a mistake (https://www.twilio.com/docs/api/errors/31924), noted once."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._noted = False

    def hear(self, _: str | None) -> Sequence[str]:
        """Note it."""
        if not self._noted:
            self._noted = True
            self._note(ErrorNumber.STREAM_PROTOCOL, "The service sent a message; a one-way stream takes none.")
        return ()

    def play(self, _: int) -> Sequence[str]:
        """Nothing to play."""
        return ()

    def suffer(self, _: LoseMarks | DelayMarks) -> None:
        """No marks to hold."""

    def end(self) -> None:
        """Nothing to forget."""


class TwoWay:
    """A two-way stream's: plays audio, clears it, echoes marks. Each kind of mistake is noted once per stream."""

    def __init__(self, stream_sid: str, playout: Playout, note: Note) -> None:
        self._stream_sid, self._playout, self._note = stream_sid, playout, note
        self._noted: set[ErrorNumber] = set()
        self._late = LateMarks()
        self._ended = False
        self._tick = 0

    def hear(self, text: str | None) -> Sequence[str]:
        """Do what the message says; one that cannot be read is ignored."""
        if self._ended:
            return ()
        try:
            message = read_message(text, self._stream_sid) if text is not None else None
        except MessageMalformed as error:
            self._mistake(ErrorNumber.STREAM_MESSAGE_MALFORMED, error.message)
            return ()
        match message:
            case Media(audio):
                if not self._playout.add(audio):
                    self._mistake(ErrorNumber.STREAM_BUFFER_FULL, "Ten minutes of audio wait; more is thrown away.")
            case Mark(name):
                if not self._playout.mark(name):
                    self._mistake(ErrorNumber.EMULATOR_LIMIT, "So many marks wait that others are not echoed.")
            case Clear():
                self._playout.drop()
            case None:
                self._mistake(ErrorNumber.STREAM_PROTOCOL, "The service sent a message that is not text.")
        return self._late.let_through(self._playout.take_due(), self._tick)

    def play(self, tick: int) -> Sequence[str]:
        """One tick of audio goes to whoever asks the track for it."""
        if self._ended:
            return ()
        self._tick = tick
        self._playout.frame(tick)
        return self._late.let_through(self._playout.take_due(), tick)

    def suffer(self, order: LoseMarks | DelayMarks) -> None:
        """From now on, and until the stream is over."""
        self._late.order(order)

    def end(self) -> None:
        """What was not played yet, never will be; from now on the buffer belongs to the call's next stream."""
        if not self._ended:
            self._ended = True
            self._playout.drop()
            self._playout.take_due()

    def _mistake(self, number: ErrorNumber, text: str) -> None:
        if number not in self._noted:
            self._noted.add(number)
            self._note(number, text)
