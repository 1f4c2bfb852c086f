"""What of a turn is sent when, and how much of it is proved to have been heard. Pure: it says what to send.

One Playback per media socket. Twilio plays what it gets in order and returns each mark when the audio before it was
played, but also all that are outstanding when it is told to clear
(https://www.twilio.com/docs/voice/media-streams/websocket-messages). So only marks that return before a clear count.

A hold stops the sending and clears nothing: what is on its way plays out within AHEAD_MS, then it is silent. A clear
would be silent at once, but what nobody proved by then would have to be said twice, for each cough and each "mm-hm".
Going on is exact: not a sample is repeated or missing. A confirmed interruption clears.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from sidecar.domain.assistant.heard import Script
from sidecar.domain.replay import BYTES_PER_MS

# Sent ahead of what is taken to be played: enough for a hiccup of the network, and little to play out when held.
AHEAD_MS = 400
# Sent at once, if there is so much: one message for 100 ms instead of five.
CHUNK_MS = 100
MARK_EACH_MS = 300
# Audio that comes slowly is marked when it runs out, but not for less than this; at the end of a piece for any length.
SHORTEST_MARKED_MS = 200
# A mark that is not back so long after its audio should have been played is overdue. Two are outstanding at most times,
# so that one which is lost is proved by the next before that.
OVERDUE_MS = 600
# After so much more, nobody can say any longer what is heard: the turn is given up.
GIVE_UP_MS = 4_000
# The sender's clock may be so much faster than ours; a mark that is back sooner was never played.
EARLY_MS = 100
# Names of marks that are done with; they return within a round trip, or never.
DONE_KEPT = 64


class Outcome(StrEnum):
    """How a turn ended. ``abandoned``: the voice or the line failed; as with ``cut``, there may be an unheard rest."""

    FINISHED = "finished"
    CUT = "cut"
    ABANDONED = "abandoned"


class Media(msgspec.Struct, frozen=True):
    """Send this audio (mu-law 8 kHz). ``text``: the words that lie about here, said within AHEAD_MS; may be ""."""

    audio: bytes
    text: str = ""


class Mark(msgspec.Struct, frozen=True):
    """Send this mark behind the audio. The name is short ASCII and never the same twice on a socket."""

    name: str


class Clear(msgspec.Struct, frozen=True):
    """Send a clear, before anything else that still waits in front of the socket; drop that, if it is of the turn."""


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """The turn is over. ``heard`` is what marks prove, in whole words; ``unheard`` the rest of its text."""

    turn: str
    outcome: Outcome
    heard: str
    unheard: str
    heard_ms: int


Output = Media | Mark | Clear | Over


class _Pending(msgspec.Struct, frozen=True):
    """A mark that is out: the audio before it, when that was played at the earliest, and from when on it is overdue."""

    position: int
    earliest_ms: int
    overdue_ms: int


class _Turn:
    """One turn's audio. Positions are bytes since it began: proven <= played <= sent, where played is presumed."""

    def __init__(self, id_: str, now_ms: int) -> None:
        self.id = id_
        self.script = Script()
        self.waiting = bytearray()
        self.ended = False
        self.held = False
        self.sent = 0
        self.marked = 0
        self.played = 0
        self.played_at_ms = now_ms
        self.proven = 0
        self.pending: dict[str, _Pending] = {}

    def pass_time(self, now_ms: int) -> None:
        """What was sent plays in real time, as far as anybody can know."""
        elapsed = max(0, now_ms - self.played_at_ms)
        self.played = min(self.sent, self.played + elapsed * BYTES_PER_MS)
        self.played_at_ms += elapsed

    def played_ms(self, position: int) -> int:
        """When the audio before a position should have been played."""
        return self.played_at_ms + max(0, -(-(position - self.played) // BYTES_PER_MS))

    def line_is_late(self, position: int) -> None:
        """What was presumed was wrong: just now only this much is played, and the rest will take its time."""
        self.played = position
        for name, mark in self.pending.items():
            overdue_ms = self.played_ms(mark.position) + OVERDUE_MS
            self.pending[name] = msgspec.structs.replace(mark, overdue_ms=overdue_ms)

    def overdue_ms(self) -> int | None:
        """From when on the oldest mark is overdue."""
        oldest = next(iter(self.pending.values()), None)
        return None if oldest is None else oldest.overdue_ms

    @property
    def rests(self) -> bool:
        """Whether all there is was sent: the turn is at its end, or what comes next is still thought over."""
        return not self.waiting and (self.ended or self.script.complete)

    @property
    def all_sent(self) -> bool:
        return self.ended and not self.waiting


class Playback:
    """The caller sends what is returned, in this order, and calls ``tick`` at ``next_ms`` and after ``add_audio``.

    Text and audio carry the id of their turn; what comes late, for a turn that is over, is dropped. All times are ms of
    one clock that never goes back.
    """

    def __init__(self) -> None:
        self._turn: _Turn | None = None
        self._generation = 0
        self._marks = 0
        self._probed = False
        self._done: deque[str] = deque(maxlen=DONE_KEPT)
        self.late_marks = 0  # returned after a clear, or after a later one had proved as much
        self.early_marks = 0  # returned before the audio can have been played
        self.unknown_marks = 0
        self.overdue_marks = 0

    @property
    def turn(self) -> str | None:
        """The turn that goes on."""
        return self._turn.id if self._turn else None

    @property
    def sounding(self) -> bool:
        """Whether any of the turn was sent."""
        return self._turn is not None and self._turn.sent > 0

    @property
    def held(self) -> bool:
        """Whether the turn is held."""
        return self._turn is not None and self._turn.held

    @property
    def heard_ms(self) -> int:
        """How much of the turn's audio is proved to have been heard."""
        return self._turn.proven // BYTES_PER_MS if self._turn else 0

    @property
    def waiting_ms(self) -> int:
        """How much audio of the turn waits to be sent."""
        return len(self._turn.waiting) // BYTES_PER_MS if self._turn else 0

    @property
    def heard(self) -> str:
        """The words of the turn that are proved to have been heard."""
        return self._turn.script.split(self._turn.proven)[0] if self._turn else ""

    def begin(self, turn: str, now_ms: int) -> None:
        """A new turn; the one before must be over."""
        if self._turn is not None:
            raise ValueError(f"turn {turn} begins before turn {self._turn.id} is over")
        self._generation += 1
        self._turn = _Turn(turn, now_ms)

    def open_piece(self, turn: str, text: str = "") -> None:
        """The audio that follows says this text; the piece before is complete."""
        if self._turn and self._turn.id == turn:
            self._turn.script.open(text)

    def add_text(self, turn: str, text: str) -> None:
        """More text of the newest piece: of engines that tell text and audio side by side."""
        if self._turn and self._turn.id == turn:
            self._turn.script.add(text=text)

    def add_audio(self, turn: str, audio: bytes) -> None:
        """More audio of the newest piece, any length."""
        if self._turn and self._turn.id == turn:
            self._turn.script.add(audio_bytes=len(audio))
            self._turn.waiting += audio

    def close_piece(self, turn: str) -> None:
        """All audio of the newest piece is here. A piece that is not closed broke off, and so did its turn."""
        if self._turn and self._turn.id == turn:
            self._turn.script.close()

    def end(self, turn: str) -> None:
        """Nothing more will come. The turn is over when its last mark is back."""
        if self._turn and self._turn.id == turn:
            self._turn.ended = True

    def tick(self, now_ms: int) -> list[Output]:
        """What to send now."""
        turn = self._turn
        if turn is None:
            return []
        turn.pass_time(now_ms)
        overdue_ms = turn.overdue_ms()
        if overdue_ms is not None and now_ms >= overdue_ms + GIVE_UP_MS:
            return self.abandon()
        outputs: list[Output] = []
        if overdue_ms is not None and now_ms >= overdue_ms:
            # Either nothing is played, and then more audio only makes it worse; or marks got lost, and then a further
            # one, sent once, proves as much as they would have.
            if not self._probed:
                self._probed = True
                self.overdue_marks += len(turn.pending)
                outputs.append(self._mark(turn))
        elif not turn.held:
            outputs += self._send(turn)
        return outputs or self._over_if_proved(turn)

    def next_ms(self) -> int | None:
        """When to call ``tick``, as things stand; a time that has passed means at once."""
        turn = self._turn
        if turn is None:
            return None
        overdue_ms = turn.overdue_ms()
        if overdue_ms is not None and self._probed:
            return overdue_ms + GIVE_UP_MS
        times = [] if overdue_ms is None else [overdue_ms]
        if turn.waiting and not turn.held:
            chunk = min(CHUNK_MS * BYTES_PER_MS, len(turn.waiting))
            too_much = turn.sent - turn.played + chunk - AHEAD_MS * BYTES_PER_MS
            times.append(turn.played_at_ms + max(0, -(-too_much // BYTES_PER_MS)))
        elif (turn.rests and turn.sent > turn.marked) or (turn.all_sent and turn.proven == turn.sent):
            times.append(turn.played_at_ms)
        return min(times, default=None)

    def hold(self, now_ms: int) -> list[Output]:
        """Somebody may be interrupting: nothing more is sent until ``go_on`` or ``cut``."""
        turn = self._turn
        if turn is None or turn.held:
            return []
        turn.pass_time(now_ms)
        turn.held = True
        return [self._mark(turn)] if turn.sent > turn.marked else []

    def go_on(self, now_ms: int) -> list[Output]:
        """It was nothing: from where it stopped."""
        if self._turn:
            self._turn.held = False
        return self.tick(now_ms)

    def cut(self) -> list[Output]:
        """The turn ends here, and what was heard is what is proved by now."""
        return self._end(Outcome.CUT)

    def abandon(self) -> list[Output]:
        """The line is gone, or the turn cannot go on."""
        return self._end(Outcome.ABANDONED)

    def echo(self, name: str, now_ms: int) -> list[Output]:
        """A mark came back."""
        turn = self._turn
        if turn is None or name not in turn.pending:
            if name in self._done:
                self.late_marks += 1
            else:
                self.unknown_marks += 1
            return []
        mark = turn.pending[name]
        if now_ms < mark.earliest_ms - EARLY_MS:
            self.early_marks += 1
            return []
        turn.pass_time(now_ms)
        if now_ms >= mark.overdue_ms:
            turn.line_is_late(mark.position)
        turn.proven = mark.position  # those before it are not outstanding any more
        turn.played = max(turn.played, turn.proven)
        self._forget(turn, upto=name)
        return self._over_if_proved(turn)

    def _send(self, turn: _Turn) -> list[Output]:
        outputs: list[Output] = []
        while turn.waiting:
            room = AHEAD_MS * BYTES_PER_MS - (turn.sent - turn.played)
            if room < min(CHUNK_MS * BYTES_PER_MS, len(turn.waiting)):
                break
            size = min(room, len(turn.waiting), MARK_EACH_MS * BYTES_PER_MS - (turn.sent - turn.marked))
            audio = bytes(turn.waiting[:size])
            del turn.waiting[:size]
            turn.sent += size
            outputs.append(Media(audio, turn.script.news(turn.sent)))
            if turn.sent - turn.marked >= MARK_EACH_MS * BYTES_PER_MS:
                outputs.append(self._mark(turn))
        unmarked = turn.sent - turn.marked
        if not turn.waiting and unmarked >= (1 if turn.rests else SHORTEST_MARKED_MS * BYTES_PER_MS):
            outputs.append(self._mark(turn))
        return outputs

    def _mark(self, turn: _Turn) -> Mark:
        self._marks += 1
        name = f"g{self._generation}.m{self._marks}"
        played_ms = turn.played_ms(turn.sent)
        turn.pending[name] = _Pending(turn.sent, played_ms, played_ms + OVERDUE_MS)
        turn.marked = turn.sent
        return Mark(name)

    def _forget(self, turn: _Turn, *, upto: str | None = None) -> None:
        """These marks prove nothing any more: they did, a later one did, or they are cleared."""
        for name in list(turn.pending):
            del turn.pending[name]
            self._done.append(name)
            if name == upto:
                break
        self._probed = False

    def _over_if_proved(self, turn: _Turn) -> list[Output]:
        if not (turn.all_sent and turn.proven == turn.sent):
            return []
        return self._end(Outcome.FINISHED if turn.script.complete else Outcome.ABANDONED)

    def _end(self, outcome: Outcome) -> list[Output]:
        turn, self._turn = self._turn, None
        if turn is None:
            return []
        self._forget(turn)
        heard, unheard = turn.script.split(turn.proven)
        over = Over(turn=turn.id, outcome=outcome, heard=heard, unheard=unheard, heard_ms=turn.proven // BYTES_PER_MS)
        return [Clear(), over] if turn.sent > turn.proven else [over]
