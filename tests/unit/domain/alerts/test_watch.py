"""What a watch makes of a call: which rules ring, when, how often, and never twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain import events as ev
from sidecar.domain.alerts.book import STEPS_PER_UTTERANCE, RuleBook
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.alerts.rules import (
    AlertKind,
    AlertRule,
    AssistantFailure,
    Only,
    Overtalk,
    PatternOf,
    Phrases,
    RecogniserFailure,
    Silence,
)
from sidecar.domain.alerts.watch import ConferenceWatch, Occasion, try_rules
from sidecar.domain.assistant.events import AssistantFailed
from sidecar.domain.conference.values import Conference, ConferenceState, Participant, ParticipantState, Role
from tests.alert_rules import alert_rule
from tests.facts import NOON

CALL = Conference(
    id="cnf_1", tenant="", room="support-1", sid=None, state=ConferenceState.LIVE, clock_zero=NOON,
    ended_at=None, seq=0,
)  # fmt: skip


def person(who: str, role: Role) -> Participant:
    return Participant(
        id=who, conference_id="cnf_1", call_sid=f"CA{who}", label=f"{role}-1", name=who, role=role,
        state=ParticipantState.EXPECTED,
    )  # fmt: skip


ROSTER = [person("ana", Role.AGENT), person("cus", Role.CUSTOMER), person("ava", Role.ASSISTANT)]


class Play:
    """A watch and the call that it is told of; times are seconds."""

    def __init__(self, *rules: AlertRule, watch: ConferenceWatch | None = None) -> None:
        self.book = RuleBook(rules)
        self.watch = watch or ConferenceWatch(self.book, CALL, ROSTER)
        self.stored: list[ev.Event] = []
        self.found: list[Occasion] = []

    def event(self, data: ev.EventData, at_s: float, *, durable: bool = True) -> ev.Event:
        event = ev.Event(
            id=f"evt_{len(self.stored)}", type=data.type, seq=len(self.stored) + 1 if durable else None,
            timestamp=NOON + timedelta(seconds=at_s), conference="cnf_1", conference_sid=None, tenant="",
            data=data,
        )  # fmt: skip
        if durable:
            self.stored.append(event)
        return event

    def tell(
        self, data: ev.EventData, at_s: float, *, durable: bool = True, store_alerts: bool = True
    ) -> list[Occasion]:
        return self._found(self.watch.take(self.event(data, at_s, durable=durable)), at_s, store_alerts)

    def wait(self, until_s: float, from_s: float = 0) -> list[Occasion]:
        """A tick each second."""
        found = []
        for second in range(int(from_s), int(until_s) + 1):
            found += self._found(self.watch.tick(second * 1000), second, True)
        return found

    def _found(self, found: list[Occasion], at_s: float, store_alerts: bool) -> list[Occasion]:
        self.found += found
        if store_alerts:
            for one in found:
                self.watch.take(self.event(one.raised(f"alert-{len(self.stored)}"), at_s))
        return found

    def begin(self) -> Play:
        self.tell(ev.ConferenceStarted(room="support-1", conference_sid=None), 0)
        for n, who in enumerate(("ana", "cus")):
            role = ROSTER[n].role
            self.tell(
                ev.ParticipantJoined(
                    participant=who, call_sid=f"CA{who}", label=f"{role}-1", name=who, role=role, at_ms=0
                ),
                0,
            )
            self.tell(ev.ForkStarted(fork=f"frk_{who}", participant=who, stream_sid="MZ", at_ms=0), 0)
        return self

    def say(self, who: str, text: str, start_s: float, end_s: float, **more: Any) -> list[Occasion]:
        return self.tell(said(who, text, start_s, end_s, **more), end_s + 0.5)


def said(who: str, text: str, start_s: float, end_s: float, **more: Any) -> ev.UtteranceFinal:
    values: dict[str, Any] = {
        "id": f"utt_{who}_{start_s}", "participant": who, "fork": f"frk_{who}", "session": "ses", "result_index": 0,
        "revision": 1, "start_ms": round(start_s * 1000), "end_ms": round(end_s * 1000), "text": text,
        "engine": "local", "lag_ms": 500,
    }  # fmt: skip
    return ev.UtteranceFinal(**(values | more))


def test_a_phrase_rings_with_the_utterance_and_the_words_that_matched() -> None:
    play = Play(rule := alert_rule(Phrases(phrases=["cancel", "complaint"]))).begin()
    assert play.say("ana", "How can I help?", 1, 2) == []
    [found] = play.say("cus", "I want to cancel my order, this is a complaint.", 3, 5)
    event = found.raised("alr_x")
    assert (event.rule, event.kind, event.participant, event.at_ms) == (rule.id, AlertKind.PHRASE, "cus", 3000)
    assert event.utterance == "utt_cus_3"
    assert event.quote == "cancel"
    assert "I want to cancel my order"[event.quote_start : event.quote_end] == "cancel"


def test_a_pattern_rings_and_a_long_match_is_quoted_from_its_beginning_only() -> None:
    play = Play(alert_rule(PatternOf(pattern=r"order \d{4}.*"))).begin()
    [found] = play.say("cus", "It was order 1234 " + "and so on " * 50, 3, 5)
    assert found.quote.startswith("order 1234")
    assert len(found.quote) == 200


@pytest.mark.parametrize(
    ("only", "rings"),
    [
        (Only(), ["ana", "cus"]),
        (Only(roles=[Role.CUSTOMER]), ["cus"]),
        (Only(labels=["agent-*"]), ["ana"]),
        (Only(labels=["AGENT-1"], roles=[Role.CUSTOMER]), []),
        (Only(rooms=["support-*"]), ["ana", "cus"]),
        (Only(rooms=["support-1"]), ["ana", "cus"]),
        (Only(rooms=["support"]), []),
    ],
)
def test_a_rule_holds_for_the_roles_labels_and_rooms_that_it_names(only: Only, rings: list[str]) -> None:
    play = Play(alert_rule(only=only, cooldown_s=0)).begin()
    for n, who in enumerate(("ana", "cus")):
        play.say(who, "cancel", 10 + n, 10.5 + n)
    assert [one.participant for one in play.found] == rings


def test_what_is_whispered_to_one_person_rings_nowhere() -> None:
    play = Play(alert_rule()).begin()
    assert play.say("ana", "let them cancel", 1, 2, coaching=True) == []


def test_after_an_alert_a_rule_rests_in_that_call_for_its_cooldown() -> None:
    play = Play(alert_rule(cooldown_s=60), alert_rule(Phrases(phrases=["order"]), cooldown_s=0)).begin()
    for second in range(10, 100, 5):
        play.say("cus", "cancel the order", second, second + 1)
    assert [one.at_ms for one in play.found if one.rule.cooldown_s] == [10_000, 70_000]
    assert len([one for one in play.found if not one.rule.cooldown_s]) == 18


def test_a_revision_of_an_utterance_rings_for_what_is_new_in_it_only() -> None:
    play = Play(alert_rule(cooldown_s=0), alert_rule(Phrases(phrases=["refund"]), cooldown_s=0)).begin()
    play.say("cus", "cancel it", 1, 2)
    again = said("cus", "cancel it and refund me", 1, 2, revision=2)
    assert [one.quote for one in play.tell(again, 3)] == ["refund"]


def test_silence_rings_once_when_nobody_has_spoken_for_so_long_and_again_after_somebody_did() -> None:
    play = Play(alert_rule(Silence(seconds=20), cooldown_s=0)).begin()
    play.say("ana", "One moment please.", 8, 10)
    assert play.wait(29, from_s=11) == []
    [found] = play.wait(100, from_s=30)
    assert (found.at_ms, found.measured_ms) == (30_000, 20_000)
    play.say("cus", "Still there?", 101, 102)
    assert [one.at_ms for one in play.wait(200, from_s=103)] == [122_000]


def test_somebody_who_is_speaking_is_no_silence_although_nothing_is_final_yet() -> None:
    play = Play(alert_rule(Silence(seconds=10))).begin()
    for second in range(5, 30):
        partial = ev.UtterancePartial(
            id="utt_1", participant="cus", start_ms=5000, end_ms=second * 1000, text="well", lag_ms=0
        )
        assert play.tell(partial, second, durable=False) == []
        assert play.wait(second, from_s=second) == []
    assert [one.at_ms for one in play.wait(60, from_s=30)] == [39_000]


@pytest.mark.parametrize(
    "quiet",
    [
        ev.TranscriptPaused(by="Ana", at_ms=5000),
        ev.ParticipantUpdated(
            participant="cus", label="customer-1", name="cus", role=Role.CUSTOMER, at_ms=5000, hold=True
        ),
        ev.ForkInterrupted(fork="frk_cus", participant="cus", reason="stream_lost", at_ms=5000),
        ev.ConferenceEnded(reason="over", at_ms=5000),
        ev.ForkHealth(fork="frk_cus", participant="cus", engine="local", fallback=False, behind_ms=4000),
    ],
    ids=lambda data: str(data.type),
)
def test_nothing_is_called_silence_that_may_be_speech_which_nobody_hears(quiet: ev.EventData) -> None:
    play = Play(alert_rule(Silence(seconds=10))).begin()
    play.tell(quiet, 5, durable=quiet.type != "fork.health")
    assert play.wait(100, from_s=6) == []


def test_silence_begins_anew_when_everybody_is_heard_again() -> None:
    """After a restart or a lost stream nobody knows what was said meanwhile."""
    play = Play(alert_rule(Silence(seconds=20))).begin()
    play.say("cus", "Just a moment.", 8, 10)
    play.tell(ev.ForkInterrupted(fork="frk_cus", participant="cus", reason="service_restarted", at_ms=12_000), 12)
    play.tell(ev.ForkResumed(fork="frk_cus", participant="cus", stream_sid="MZ2", epoch=2, at_ms=60_000), 60)
    assert [one.at_ms for one in play.wait(120, from_s=61)] == [80_000]


def test_overtalk_counts_who_really_spoke_at_the_same_time_within_the_window() -> None:
    play = Play(alert_rule(Overtalk(seconds=4, window_s=20), cooldown_s=0)).begin()
    play.say("ana", "as I said", 10, 14)
    assert play.say("cus", "no no no", 11.5, 15) == []  # 2.5 s
    assert play.say("ana", "mhm", 15.2, 15.6) == []
    assert play.say("ava", "I can help", 12, 30) == []  # the assistant gives way by itself
    play.say("ana", "let me finish", 20, 23)
    [found] = play.say("cus", "you never listen", 21, 24)  # 2 s more
    assert (found.at_ms, found.measured_ms) == (24_000, 4_500)
    assert play.say("ana", "calm down", 23, 26) == []  # what was told is not told again
    play.say("cus", "it is enough", 60, 70)
    [again] = play.say("ana", "excuse me", 61, 69)
    assert again.measured_ms == 8_000


def test_a_recogniser_that_hears_nobody_rings_after_a_while_and_lost_speech_at_once() -> None:
    play = Play(alert_rule(RecogniserFailure(seconds=10), cooldown_s=0, only=Only(roles=[Role.CUSTOMER]))).begin()
    for who in ("ana", "cus"):
        deaf = ev.ForkHealth(fork=f"frk_{who}", participant=who, engine=None, fallback=False, behind_ms=3000)
        play.tell(deaf, 20, durable=False)
        play.tell(deaf, 23, durable=False)
    assert play.wait(29, from_s=21) == []
    [found] = play.wait(60, from_s=30)
    assert (found.participant, found.measured_ms, found.detail) == ("cus", 10_000, "nobody_listens")
    gap = ev.TranscriptGap(participant="cus", fork="frk_cus", from_ms=61_000, to_ms=64_000, reason="recogniser_failed")
    [lost] = play.tell(gap, 65)
    assert (lost.at_ms, lost.measured_ms, lost.detail) == (61_000, 3000, "recogniser_failed")
    other = ev.TranscriptGap(
        participant="cus", fork="frk_cus", from_ms=70_000, to_ms=74_000, reason="stream_reconnected"
    )
    assert play.tell(other, 75) == []


def test_an_engine_that_hears_again_in_time_rings_nothing() -> None:
    play = Play(alert_rule(RecogniserFailure(seconds=10))).begin()
    for engine, second in ((None, 20), ("local", 25), (None, 28), ("local", 31)):
        health = ev.ForkHealth(fork="frk_cus", participant="cus", engine=engine, fallback=False, behind_ms=2500)
        play.tell(health, second, durable=False)
        assert play.wait(second + 2, from_s=second) == []
    assert play.wait(60, from_s=31) == []


def test_an_assistant_that_fails_rings() -> None:
    play = Play(alert_rule(AssistantFailure())).begin()
    [found] = play.tell(AssistantFailed(assistant="ast_1", participant="ava", reason="no_answer", at_ms=9000), 9)
    assert (found.rule.kind, found.detail, found.at_ms) == (AlertKind.ASSISTANT, "no_answer", 9000)


def test_a_rule_looks_at_what_happens_after_it_was_made_or_changed() -> None:
    play = Play(alert_rule(updated_at=NOON + timedelta(seconds=30), cooldown_s=0)).begin()
    play.say("cus", "cancel", 10, 11)
    play.say("cus", "cancel", 40, 41)
    assert [one.at_ms for one in play.found] == [40_000]


def test_rules_that_are_switched_off_ring_nothing() -> None:
    play = Play(alert_rule(enabled=False), alert_rule(AssistantFailure(), enabled=False)).begin()
    assert play.say("cus", "cancel", 10, 11) == []


def replayed(play: Play, upto: int | None = None) -> tuple[Play, list[Occasion]]:
    """As a service that starts anew and has read the log up to there."""
    watch = ConferenceWatch(play.book, CALL, ROSTER)
    for event in play.stored[:upto]:
        watch.replay(event)
    again = Play(watch=watch)
    again.stored = play.stored[:upto]
    return again, watch.owed()


RULES = (
    alert_rule(cooldown_s=20),
    alert_rule(Phrases(phrases=["order"]), cooldown_s=0),
    alert_rule(Silence(seconds=10), cooldown_s=5),
    alert_rule(Overtalk(seconds=2, window_s=10), cooldown_s=0),
)


LINES = st.lists(
    st.tuples(
        st.sampled_from(["ana", "cus"]),
        st.sampled_from(["cancel", "order", "cancel the order", "well"]),
        st.integers(0, 25),
        st.integers(1, 8),
    ),
    max_size=12,
)


@given(LINES, st.data())
def test_killed_anywhere_and_started_again_nothing_is_forgotten_and_nothing_raised_twice(
    lines: list[tuple[str, str, int, int]], data: st.DataObject
) -> None:
    play, clock = Play(*RULES).begin(), 1
    for n, (who, text, pause, length) in enumerate(lines):
        play.wait(clock + pause, from_s=clock)
        clock += pause
        play.say(who, text, clock, clock + length, id=f"utt_{n}")
        clock += data.draw(st.integers(0, length), label="overlap")
    again, owed = replayed(play)
    assert owed == []
    assert again.wait(clock, from_s=clock) == []
    cut = data.draw(st.integers(0, len(play.stored)), label="killed after")
    of_words = [one for one in play.stored if isinstance(one.data, AlertRaised) and one.data.kind != AlertKind.SILENCE]
    behind = [one for one in of_words if one.seq and one.seq > cut]
    _, owed = replayed(play, cut)
    # What was seen but not told yet when it died: the first alerts behind the cut, as far as their cause is before it.
    subjects = [(one.rule.id, one.utterance) for one in owed]
    assert (
        subjects
        == [(one.data.rule, one.data.utterance) for one in behind if isinstance(one.data, AlertRaised)][: len(subjects)]
    )
    assert len(subjects) == len(set(subjects))


def test_a_trial_tells_what_would_have_been_raised_silence_and_overtalk_too() -> None:
    play = Play().begin()
    play.say("cus", "I want to cancel", 2, 4)
    play.say("ana", "a very long explanation of everything", 5, 23)
    play.say("cus", "but but but", 19, 24)
    play.say("ana", "hello?", 60, 61)
    early = NOON - timedelta(days=1)
    rules = [alert_rule(one.when, cooldown_s=one.cooldown_s, updated_at=early) for one in RULES]
    found = try_rules(RuleBook(rules), CALL, ROSTER, play.stored)
    assert [(one.rule.kind, one.at_ms, one.measured_ms) for one in found] == [
        (AlertKind.PHRASE, 2000, None), (AlertKind.OVERTALK, 24_000, 4000), (AlertKind.SILENCE, 34_000, 10_000),
        (AlertKind.SILENCE, 71_000, 10_000),
    ][:len(found)]  # fmt: skip
    assert len(found) == 3  # behind the last event there is no time that could go by


def test_patterns_may_cost_an_utterance_so_much_and_a_costly_one_does_not_silence_the_others() -> None:
    evil = [alert_rule(PatternOf(pattern="(.*a){20}")) for _ in range(5)]
    play = Play(*evil, kept := alert_rule(PatternOf(pattern="refund"))).begin()
    found = play.say("cus", "a" * 2_000 + " refund", 1, 2)
    assert play.book.too_costly == 5
    assert found == []  # beyond what is searched of a text
    assert [one.rule.id for one in play.say("cus", "refund " + "a" * 1_000, 3, 4)] == [kept.id]
    assert STEPS_PER_UTTERANCE == 200_000
