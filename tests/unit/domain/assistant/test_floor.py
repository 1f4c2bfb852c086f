"""The floor as a whole: who counts, and any call in which people speak, cough, coach, ask and mute at any time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.assistant import floor_orders as fo
from sidecar.domain.assistant.barge_in import CONFIRM_WITHIN_MS
from sidecar.domain.assistant.quiet import QUIET_MS
from sidecar.domain.assistant.stay import Speaks
from sidecar.domain.assistant.turn_taking import ASKED_WAITS_MS
from sidecar.domain.conference.values import Role
from sidecar.domain.events import UtteranceFinal, UtterancePartial
from tests.floor_play import AGENT, COACH, CUSTOMER, FINAL_MS, MS_PER_WORD, NOTICED_MS, FloorPlay

QUESTION = "Ava, what is the policy?"


def final(text: str, start_ms: int, end_ms: int, who: str = "ben") -> UtteranceFinal:
    return UtteranceFinal(
        id="utt_1", participant=who, fork="frk_1", session="ses_1", result_index=0, revision=1, start_ms=start_ms,
        end_ms=end_ms, text=text, engine="scripted", lag_ms=0,
    )  # fmt: skip


def test_its_echo_is_told_apart_for_the_transcript() -> None:
    play = FloorPlay()
    play.floor.sounds("Returns are free within thirty days.", 5_000)
    assert play.floor.is_echo(final("returns are free", 5_200, 5_900))
    assert not play.floor.is_echo(final("returns are free", 15_200, 15_900))
    assert not play.floor.is_echo(final("are you sure", 5_200, 5_900))


def test_somebody_of_whom_nothing_is_known_yet_is_a_human() -> None:
    play = FloorPlay(AGENT)
    play.says("stranger", QUESTION, 1_000)
    assert play.run() == ["answer addressed", "speak"]


def test_who_is_muted_or_on_hold_is_in_nobody_s_way() -> None:
    held = fo.Person(participant="ben", name="Ben", role=Role.CUSTOMER, rests=True)
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.at(end, lambda: play.floor.speech_started("ben", end, play.now_ms))
    play.at(end + 100, lambda: play.floor.present(held, play.now_ms))
    play.at(end + 200, lambda: play.floor.speech_started("ben", end + 200, play.now_ms))
    assert play.run() == ["answer addressed", "speak"]
    assert play.when("speak") == end + FINAL_MS + play.thinks_ms


def test_who_begins_to_coach_holds_it_no_longer() -> None:
    coaching = fo.Person(participant="ben", name="Ben", role=Role.SUPERVISOR, coaching=True)
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    speaks = end + FINAL_MS + play.thinks_ms
    play.noise("ben", speaks + 700, 3_000)
    play.at(speaks + 1_100, lambda: play.floor.present(coaching, play.now_ms))
    assert play.run() == ["answer addressed", "speak", "hold", "go on"]
    assert play.when("go on") == speaks + 1_100


def test_an_assistant_hears_no_other_assistant() -> None:
    play = FloorPlay(AGENT, fo.Person(participant="bot", name="Bo", role=Role.ASSISTANT))
    play.says("bot", QUESTION, 1_000)
    play.at(9_000, lambda: play.floor.left("ana", play.now_ms))
    assert play.run() == ["leave last_human_left"]


def test_muted_it_leaves_without_a_word() -> None:
    play = FloorPlay(manners=fo.Manners(muted=True))
    play.says("ben", "no AI please", 1_000)
    assert play.run() == ["leave not_wanted"]


def test_leaving_ends_what_it_thinks_about_and_after_that_nothing_is_ordered() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.says("ben", "no AI please", end + 100)
    play.says("ana", QUESTION, end + 5_000)
    play.at(end + 9_000, lambda: play.floor.ask(fo.Ask(by="usr_1", text="x"), play.now_ms))
    play.at(end + 9_500, lambda: play.floor.left("ana", play.now_ms))
    play.at(end + 9_600, lambda: play.floor.left("ben", play.now_ms))
    play.at(end + 9_800, lambda: play.floor.behave(fo.Manners(), play.now_ms))
    assert play.run() == ["answer addressed", "drop leaving", "goodbye not_wanted"]
    assert (play.floor.turn, play.floor.next_ms()) == (None, None)


def test_a_whisper_is_none_of_its_business_whoever_whispers() -> None:
    play = FloorPlay()
    play.says("ana", QUESTION, 1_000, coaching=True)
    assert play.run() == []


def test_it_does_not_leave_because_somebody_left_who_never_came() -> None:
    play = FloorPlay(fo.Person(participant="ava", name="Ava", role=Role.ASSISTANT))
    play.at(1_000, lambda: play.floor.left("stranger", play.now_ms))
    assert play.run() == []


def test_a_sound_that_came_to_nothing_is_no_longer_waited_for() -> None:
    play = FloorPlay()
    end = play.says("ana", QUESTION, 1_000)
    play.noise("ben", end + 300, 700)
    nothing = UtterancePartial(id="utt_9", participant="ben", start_ms=end + 300, end_ms=end + 1_000, text="", lag_ms=0)
    play.at(end + 1_200, lambda: play.floor.words(nothing, play.now_ms))
    assert play.run() == ["answer addressed", "speak"]
    assert play.when("speak") == end + 1_000 + QUIET_MS


def test_between_its_turns_nobody_interrupts() -> None:
    play = FloorPlay(thinks_ms=3_000)
    play.says("ana", QUESTION, 1_000)
    play.at(10_000, lambda: play.floor.ask(fo.Ask(by="usr_1", text="x"), play.now_ms))
    play.noise("ben", 10_500, 1_000)
    assert play.run() == ["answer addressed", "speak", "answer asked", "speak"]


def test_after_a_stop_nobody_interrupts_what_it_thinks_about() -> None:
    play = FloorPlay(thinks_ms=3_000)
    end = play.says("ana", QUESTION, 1_000)
    play.at(end + FINAL_MS + 4_000, lambda: play.floor.stop(play.now_ms))
    play.at(end + FINAL_MS + 4_100, lambda: play.floor.ask(fo.Ask(by="usr_1", text="x"), play.now_ms))
    play.noise("ben", end + FINAL_MS + 4_500, 1_000)
    assert play.run() == ["answer addressed", "speak", "cut stopped", "answer asked", "speak"]


TEXTS = [QUESTION, "Ava said five days.", "mm-hm", "right", "stop", "And what about bikes?", "It is thirty days.",
         "no wait I meant the red one", "Returns are free within thirty days"]  # fmt: skip
WHO = ["ana", "ben", "sue"]
ACTS = st.one_of(
    st.tuples(st.just("says"), st.sampled_from(WHO), st.sampled_from(TEXTS)),
    st.tuples(st.just("noise"), st.sampled_from(WHO), st.integers(100, 5_000)),
    st.tuples(st.just("ask"), st.booleans(), st.just("")),
    st.tuples(st.just("stop"), st.just(""), st.just("")),
    st.tuples(st.just("behave"), st.booleans(), st.sampled_from(Speaks)),
)


class AnyCall:
    """Plays a random script. Each person says one thing after the other."""

    def __init__(self, script: list[tuple[int, tuple[Any, ...]]], thinks_ms: int) -> None:
        self.play = FloorPlay(AGENT, CUSTOMER, COACH, thinks_ms=thinks_ms)
        self.spoken: list[tuple[str, int, int]] = []
        self.mutings: list[tuple[int, bool]] = []
        at = 1_000
        busy = dict.fromkeys(WHO, 0)
        for after, (kind, who, what) in script:
            at += after
            if kind in ("says", "noise"):
                start = max(at, busy[who])
                coaching = who == "sue"
                if kind == "says":
                    end = self.play.says(who, what, start, coaching=coaching)
                    self.spoken += [] if coaching else [(who, start, end)]
                else:
                    self.play.noise(who, start, what)
                    end = start + what
                busy[who] = end + NOTICED_MS + 1
            else:
                self._wish(kind, who, what, at)
        self.until = max(at, *busy.values()) + 100_000

    def _wish(self, kind: str, flag: bool, speaks: Any, at: int) -> None:
        floor = self.play.floor
        if kind == "ask":
            self.play.at(at, lambda: floor.ask(fo.Ask(by="usr_1", text="x", exact=flag), at))
        elif kind == "stop":
            self.play.at(at, lambda: floor.stop(at))
        else:
            self.mutings.append((at, flag))
            self.play.at(at, lambda: floor.behave(fo.Manners(muted=flag, speaks=speaks), at))

    def muted_at(self, ms: int) -> bool:
        """Whether it was muted before this moment, and nothing changed in it."""
        before = [False, *(flag for at, flag in self.mutings if at < ms)][-1]
        return before and all(flag for at, flag in self.mutings if at == ms)

    def check(self) -> None:
        answers: dict[str, tuple[int, fo.Answer]] = {}
        present: str | None = None
        held: int | None = None
        for ms, order in self.play.log:
            assert not isinstance(order, fo.SayGoodbyeAndLeave | fo.Leave)
            match order:
                case fo.Answer(turn=turn):
                    assert turn not in answers
                    answers[turn], present, held = (ms, order), turn, None
                    assert not self.muted_at(ms)
                case fo.Speak(turn=turn):
                    assert turn == present
                    assert not self.muted_at(ms)
                    self.check_room(ms, *answers[turn])
                case fo.HoldPlayback(turn=turn):
                    assert turn == present
                    held = ms
                case fo.GoOnPlaying():
                    assert held is not None
                    assert ms - held <= CONFIRM_WITHIN_MS
                    held = None
                case fo.Drop(turn=turn) | fo.GiveUp(turn=turn) | fo.Cut(turn=turn):
                    assert turn == present
                    present = held = None
                case fo.Filler(turn=turn):
                    assert turn == present
                case fo.TellPanel():
                    pass

    def check_room(self, ms: int, asked_ms: int, answer: fo.Answer) -> None:
        """Nobody was known to be speaking, unless the panel had waited long enough."""
        if answer.why is fo.Why.ASKED and ms - asked_ms >= ASKED_WAITS_MS:
            return
        for _, start, end in self.spoken:
            assert not start + NOTICED_MS < ms < end + QUIET_MS


@given(
    script=st.lists(st.tuples(st.integers(0, 4_000), ACTS), max_size=12),
    thinks_ms=st.sampled_from([100, 800, 3_000, 5_000, 20_000]),
)
def test_whatever_happens_it_speaks_in_its_turn_and_never_muted(
    script: list[tuple[int, tuple[Any, ...]]], thinks_ms: int
) -> None:
    call = AnyCall(script, thinks_ms)
    call.play.run(call.until)
    call.check()
    assert call.play.floor.turn is None


@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(TEXTS)), max_size=6))
def test_a_coach_moves_nothing(script: list[tuple[int, str]]) -> None:
    play, at = FloorPlay(AGENT, CUSTOMER, COACH), 1_000
    for after, text in script:
        at = play.says("sue", text, at + after + MS_PER_WORD, coaching=True)
    assert play.run() == []
