"""Playback: each rule by itself, and any history of echoes, holds, clears, stalls and lost marks on a line."""

from __future__ import annotations

import re
from collections import deque

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sidecar.domain.assistant.playback import (
    AHEAD_MS,
    GIVE_UP_MS,
    MARK_EACH_MS,
    OVERDUE_MS,
    Clear,
    Mark,
    Media,
    Outcome,
    Output,
    Over,
    Playback,
)
from sidecar.domain.replay import BYTES_PER_MS

MS_PER_CHARACTER = 50


def voiced(text: str) -> bytes:
    """What a voice would make of it, with the same time for each character."""
    return b"".join(bytes([65 + at % 26]) * (MS_PER_CHARACTER * BYTES_PER_MS) for at in range(len(text)))


def speaking(*texts: str, ended: bool = True) -> Playback:
    playback = Playback()
    playback.begin("t1", 0)
    for text in texts:
        playback.open_piece("t1", text)
        playback.add_audio("t1", voiced(text))
    if ended:
        playback.close_piece("t1")
        playback.end("t1")
    return playback


def sent_ms(outputs: list[Output]) -> int:
    return sum(len(one.audio) for one in outputs if isinstance(one, Media)) // BYTES_PER_MS


def marks(outputs: list[Output]) -> list[str]:
    return [one.name for one in outputs if isinstance(one, Mark)]


def play(playback: Playback, from_ms: int, to_ms: int) -> list[Output]:
    """What is sent if nothing comes back."""
    outputs: list[Output] = []
    for now_ms in range(from_ms, to_ms, 10):
        due_ms = playback.next_ms()
        if due_ms is not None and due_ms <= now_ms:
            outputs += playback.tick(now_ms)
    return outputs


SENTENCE = "Delivery takes five days, and returns are free."  # 47 characters, 2.35 s


def test_it_sends_little_ahead_and_keeps_the_pace() -> None:
    playback = speaking(SENTENCE)
    assert sent_ms(playback.tick(0)) == AHEAD_MS
    assert playback.tick(50) == []
    assert playback.next_ms() == 100
    assert sent_ms(play(playback, 60, 501)) == 500


def test_marks_follow_the_audio_and_the_last_one_all_of_it() -> None:
    line = Line(delay_ms=0)
    playback = speaking(SENTENCE)
    sent = line.run(playback, 0, 3_000)
    names = marks(sent)
    assert len(set(names)) == len(names) == 2_350 // MARK_EACH_MS + 1
    assert all(name.startswith("g1.") for name in names)
    assert isinstance(sent[-2], Mark)
    assert sent[-1] == Over(turn="t1", outcome=Outcome.FINISHED, heard=SENTENCE, unheard="", heard_ms=2_350)


def test_each_media_says_which_words_it_holds() -> None:
    line = Line(delay_ms=0)
    sent = line.run(speaking(SENTENCE), 0, 3_000)
    assert " ".join(one.text for one in sent if isinstance(one, Media) and one.text) == SENTENCE


def test_an_echo_proves_what_lies_before_it() -> None:
    playback = speaking(SENTENCE)
    first = marks(playback.tick(0))
    assert playback.echo(first[0], 350) == []
    assert playback.heard_ms == MARK_EACH_MS
    assert playback.cut() == [
        Clear(),
        Over(turn="t1", outcome=Outcome.CUT, heard="", unheard=SENTENCE, heard_ms=300),
    ]


def test_marks_that_come_back_after_a_clear_count_for_nothing() -> None:
    playback = speaking(SENTENCE)
    names = marks(playback.tick(0))
    clear, over = playback.cut()
    assert clear == Clear()
    assert isinstance(over, Over)
    assert over.heard_ms == 0
    playback.begin("t2", 400)
    assert [playback.echo(name, 2_000) for name in names] == [[]] * len(names)
    assert (playback.heard_ms, playback.late_marks, playback.unknown_marks) == (0, len(names), 0)


def test_a_mark_that_was_never_sent_is_counted_and_ignored() -> None:
    playback = speaking(SENTENCE)
    playback.tick(0)
    assert playback.echo("g1.m99", 5_000) == []
    assert (playback.heard_ms, playback.unknown_marks) == (0, 1)


def test_a_mark_that_comes_back_before_its_audio_can_have_been_played_proves_nothing() -> None:
    playback = speaking(SENTENCE)
    name = marks(playback.tick(0))[0]
    assert playback.echo(name, 100) == []
    assert (playback.heard_ms, playback.early_marks) == (0, 1)


def test_a_lost_mark_is_made_up_for_by_the_next() -> None:
    playback = speaking(SENTENCE)
    names = marks(play(playback, 0, 700))
    playback.echo(names[1], 650)
    assert playback.heard_ms == 2 * MARK_EACH_MS
    playback.echo(names[0], 660)
    assert (playback.heard_ms, playback.late_marks) == (2 * MARK_EACH_MS, 1)


def test_while_marks_are_overdue_nothing_is_sent_but_one_mark_to_ask() -> None:
    playback = speaking(SENTENCE)
    before = play(playback, 0, MARK_EACH_MS + OVERDUE_MS)
    asked = play(playback, MARK_EACH_MS + OVERDUE_MS, MARK_EACH_MS + OVERDUE_MS + GIVE_UP_MS)
    assert sent_ms(before) <= MARK_EACH_MS + OVERDUE_MS + AHEAD_MS
    assert [type(one) for one in asked] == [Mark]
    assert playback.overdue_marks > 0


def test_the_answer_to_the_question_sets_it_going_again_each_time() -> None:
    playback = speaking(SENTENCE)
    play(playback, 0, 900)
    for now_ms in (900, 3_000):
        asked = play(playback, now_ms, now_ms + 1_000)
        assert type(asked[-1]) is Mark
        playback.echo(marks(asked)[-1], now_ms + 1_000)
        assert sent_ms(playback.tick(now_ms + 1_000)) == AHEAD_MS


def test_a_line_that_stood_still_is_sent_no_more_than_it_has_room_for() -> None:
    """It stands still from the start until 2 s, when 1.2 s wait there; then it plays on and its marks come back."""
    playback = speaking(SENTENCE)
    names = marks(play(playback, 0, 900))
    for position_ms, name in zip((300, 600, 900), names[:3], strict=True):
        assert sent_ms(playback.tick(1_999 + position_ms)) == 0
        playback.echo(name, 2_000 + position_ms)
    assert sent_ms(playback.tick(2_900)) == 100


def test_marks_that_are_held_up_on_their_way_back_do_not_slow_it_down() -> None:
    """All return at once, the oldest overdue: what counts is the newest."""
    playback = speaking(SENTENCE)
    names = marks(play(playback, 0, 895))
    for name in names:
        playback.echo(name, 910)
    assert playback.heard_ms == 900
    assert sent_ms(playback.tick(910)) >= AHEAD_MS - 310


def test_a_line_that_never_answers_is_given_up_with_what_was_proved() -> None:
    playback = speaking(SENTENCE)
    names = marks(playback.tick(0))
    playback.echo(names[0], 350)
    outputs = play(playback, 350, 10_000)
    assert outputs[-2:] == [
        Clear(),
        Over(turn="t1", outcome=Outcome.ABANDONED, heard="", unheard=SENTENCE, heard_ms=300),
    ]
    assert playback.next_ms() is None


def test_a_hold_stops_the_sending_and_proves_where() -> None:
    playback = speaking(SENTENCE)
    playback.tick(0)
    assert [type(one) for one in playback.hold(40)] == [Mark]
    assert playback.hold(50) == []
    assert play(playback, 50, 700) == []
    playback.add_audio("t1", voiced("more"))
    assert playback.tick(700) == []


def test_going_on_repeats_nothing_and_leaves_out_nothing() -> None:
    line, playback = Line(), speaking(SENTENCE)
    line.run(playback, 0, 1_000)
    line.take(playback.hold(1_000))
    line.run(playback, 1_000, 1_700)
    line.take(playback.go_on(1_700))
    sent = line.run(playback, 1_700, 5_000)
    assert line.audio == voiced(SENTENCE)
    assert isinstance(sent[-1], Over)
    assert sent[-1].outcome is Outcome.FINISHED


def test_a_hold_after_the_last_audio_was_sent_does_not_keep_the_turn_open() -> None:
    line, playback = Line(), speaking("Five days.")
    line.run(playback, 0, 300)
    line.take(playback.hold(300))
    assert [type(one) for one in line.run(playback, 300, 1_000)] == [Over]


def test_a_turn_can_be_cut_in_its_tail_when_all_is_sent() -> None:
    playback = speaking("Yes.")
    playback.tick(0)
    assert [type(one) for one in playback.cut()] == [Clear, Over]


def test_a_turn_of_which_nothing_was_sent_needs_no_clear() -> None:
    playback = speaking(SENTENCE)
    assert playback.cut() == [Over(turn="t1", outcome=Outcome.CUT, heard="", unheard=SENTENCE, heard_ms=0)]
    assert playback.cut() == []


def test_late_audio_and_text_of_a_turn_that_is_over_are_dropped() -> None:
    playback = speaking(SENTENCE, ended=False)
    playback.cut()
    playback.begin("t2", 0)
    playback.open_piece("t1", "late")
    playback.add_audio("t1", voiced("late"))
    playback.add_text("t1", "late")
    playback.end("t1")
    assert playback.tick(0) == []
    playback.end("t2")
    assert playback.tick(0) == [Over(turn="t2", outcome=Outcome.FINISHED, heard="", unheard="", heard_ms=0)]


def test_a_turn_whose_voice_broke_off_is_no_finished_turn() -> None:
    line, playback = Line(), speaking(SENTENCE, ended=False)
    playback.end("t1")
    over = line.run(playback, 0, 4_000)[-1]
    assert isinstance(over, Over)
    assert over.outcome is Outcome.ABANDONED
    assert SENTENCE.startswith(over.heard)
    assert over.unheard


def test_audio_that_trickles_is_sent_at_once_and_marked_now_and_then() -> None:
    playback = speaking("", ended=False)
    sent: list[Output] = []
    for now_ms in range(0, 1_000, 20):
        playback.add_audio("t1", b"\x20" * 160)
        sent += playback.tick(now_ms)
        for name in marks(sent):
            playback.echo(name, now_ms + 400)
    assert sent_ms(sent) == 1_000
    assert len(marks(sent)) == 1_000 // 200


def test_a_piece_that_is_whole_is_proved_to_its_last_word_while_the_next_is_thought_over() -> None:
    """A word that covers long thinking was heard, whatever becomes of the answer."""
    line = Line(delay_ms=0)
    playback = speaking("Let me see.", ended=False)
    line.run(playback, 0, 2_000)
    assert playback.heard == "Let"
    playback.close_piece("t1")
    line.run(playback, 2_000, 2_100)
    assert playback.heard == "Let me see."
    [over] = playback.cut()
    assert over == Over(turn="t1", outcome=Outcome.CUT, heard="Let me see.", unheard="", heard_ms=550)


def test_a_turn_begins_only_when_the_one_before_is_over() -> None:
    playback = speaking(SENTENCE)
    with pytest.raises(ValueError, match="t2"):
        playback.begin("t2", 0)


class Line:
    """A Twilio: plays what it gets, in order and in real time; returns marks when it reaches them, all when cleared."""

    def __init__(self, delay_ms: int = 40) -> None:
        self.audio = b""  # played
        self.cleared = False
        self._delay_ms = delay_ms
        self._waiting: deque[bytes | str] = deque()
        self._returned: deque[tuple[int, str]] = deque()
        self._now_ms = 0

    def take(self, outputs: list[Output]) -> None:
        for one in outputs:
            if isinstance(one, Media):
                self._waiting.append(one.audio)
            elif isinstance(one, Mark):
                self._waiting.append(one.name)
            elif isinstance(one, Clear):
                self._return(*[name for name in self._waiting if isinstance(name, str)])
                self._waiting.clear()

    def play(self, now_ms: int, *, stalled: bool = False) -> list[str]:
        """Time goes by. Returns the marks that arrive."""
        room = 0 if stalled else (now_ms - self._now_ms) * BYTES_PER_MS
        self._now_ms = now_ms
        while self._waiting:
            head = self._waiting[0]
            if isinstance(head, str):
                self._return(head)
            else:
                self.audio += head[:room]
                if len(head) > room:
                    self._waiting[0] = head[room:]
                    break
                room -= len(head)
            self._waiting.popleft()
        back = []
        while self._returned and self._returned[0][0] <= now_ms:
            back.append(self._returned.popleft()[1])
        return back

    def run(self, playback: Playback, from_ms: int, to_ms: int) -> list[Output]:
        """Playback and line together. Returns what was sent."""
        sent: list[Output] = []
        for now_ms in range(from_ms, to_ms, 10):
            outputs = [over for name in self.play(now_ms) for over in playback.echo(name, now_ms)]
            due_ms = playback.next_ms()
            if due_ms is not None and due_ms <= now_ms:
                outputs += playback.tick(now_ms)
            self.take(outputs)
            sent += outputs
        return sent

    def _return(self, *names: str) -> None:
        self._returned.extend((self._now_ms + self._delay_ms, name) for name in names)


def words_played(pieces: list[str], audio_bytes: int) -> int:
    """How many words sounded to their last character."""
    characters, words = audio_bytes // (MS_PER_CHARACTER * BYTES_PER_MS), 0
    for piece in pieces:
        words += sum(word.end() <= characters for word in re.finditer(r"\S+", piece))
        characters -= len(piece)
    return words


class AnyHistory(RuleBasedStateMachine):
    """Turns on a line that stalls, loses marks and returns them late or in another order. The line knows the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.playback = Playback()
        self.line = Line()
        self.now_ms = 0
        self.turns = 0
        self.pieces: list[str] = []
        self.audio = b""  # of all pieces
        self.ended = True
        self.sent = 0
        self.unmarked = 0
        self.names: set[str] = set()
        self.out: list[str] = []  # marks that came back, to be told at any time in any order
        self.stalled = False  # during this turn

    def take(self, outputs: list[Output]) -> None:
        for one in outputs:
            if isinstance(one, Media):
                assert self.audio[self.sent : self.sent + len(one.audio)] == one.audio
                self.sent += len(one.audio)
                self.unmarked += len(one.audio)
                assert self.unmarked <= 500 * BYTES_PER_MS
            elif isinstance(one, Mark):
                assert one.name not in self.names
                self.names.add(one.name)
                self.unmarked = 0
            elif isinstance(one, Over):
                self.check(one)
        self.line.take(outputs)

    def check(self, over: Over) -> None:
        """Nothing is claimed that the line has not played, and no word is lost."""
        played = len(self.line.audio)
        assert over.heard_ms * BYTES_PER_MS <= played
        assert [*over.heard.split(), *over.unheard.split()] == " ".join(self.pieces).split()
        if over.outcome is Outcome.FINISHED:
            assert played == len(self.audio)
            assert over.unheard == ""
        assert len(over.heard.split()) <= words_played(self.pieces, played)

    @precondition(lambda self: self.playback.turn is None)
    @rule()
    def begin(self) -> None:
        self.turns += 1
        self.line.audio = b""
        self.pieces, self.audio, self.sent, self.unmarked = [], b"", 0, 0
        self.ended, self.stalled = False, False
        self.playback.begin(f"t{self.turns}", self.now_ms)

    @precondition(lambda self: not self.ended)
    @rule(text=st.text("ab ", min_size=1, max_size=60).filter(str.strip))
    def say(self, text: str) -> None:
        self.pieces.append(text)
        self.audio += voiced(text)
        turn = f"t{self.turns}"
        self.playback.open_piece(turn, text)
        self.playback.add_audio(turn, voiced(text))
        self.playback.close_piece(turn)

    @precondition(lambda self: not self.ended)
    @rule()
    def end(self) -> None:
        self.ended = True
        self.playback.end(f"t{self.turns}")

    @rule(ms=st.integers(10, 700), stalled=st.booleans(), lose=st.booleans(), shuffle=st.booleans())
    def pass_time(self, ms: int, *, stalled: bool, lose: bool, shuffle: bool) -> None:
        self.stalled |= stalled
        until_ms = self.now_ms + ms
        while self.now_ms < until_ms:
            self.now_ms += 10
            back = self.line.play(self.now_ms, stalled=stalled)
            if shuffle:
                self.out += back
            elif not lose:
                for name in back:
                    self.take(self.playback.echo(name, self.now_ms))
            due_ms = self.playback.next_ms()
            if due_ms is not None and due_ms <= self.now_ms:
                self.take(self.playback.tick(self.now_ms))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def late_echo(self, data: st.DataObject) -> None:
        name = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.take(self.playback.echo(name, self.now_ms))

    @rule(name=st.sampled_from(["", "g1.m1", "g1.m2", "g2.m3", "x"]))
    def stray_echo(self, name: str) -> None:
        """Of an earlier socket, or of nothing."""
        if name not in self.names:
            before = self.playback.heard_ms
            self.take(self.playback.echo(name, self.now_ms))
            assert self.playback.heard_ms == before

    @rule()
    def hold(self) -> None:
        self.take(self.playback.hold(self.now_ms))

    @rule()
    def go_on(self) -> None:
        self.take(self.playback.go_on(self.now_ms))

    @rule()
    def cut(self) -> None:
        turn = self.playback.turn
        self.take(self.playback.cut())
        self.ended = True
        assert self.playback.turn is None
        assert turn is None or self.playback.next_ms() is None

    @invariant()
    def nothing_is_claimed_that_was_not_played(self) -> None:
        assert self.playback.heard_ms * BYTES_PER_MS <= len(self.line.audio)

    @invariant()
    def little_is_on_its_way(self) -> None:
        if self.playback.turn is not None and not self.stalled:
            assert self.sent - len(self.line.audio) <= AHEAD_MS * BYTES_PER_MS

    @invariant()
    def a_turn_that_is_over_takes_nothing_more(self) -> None:
        if self.playback.turn is None:
            self.ended = True

    def teardown(self) -> None:
        """Whatever happened, a turn comes to its end once the line plays on, and a line that is dead is given up."""
        self.take(self.playback.go_on(self.now_ms))
        self.playback.end(f"t{self.turns}")
        self.pass_time(
            len(self.audio) // BYTES_PER_MS + 2 * (OVERDUE_MS + GIVE_UP_MS), stalled=False, lose=False, shuffle=False
        )
        assert self.playback.turn is None


TestAnyHistory = AnyHistory.TestCase
