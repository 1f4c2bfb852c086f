"""Plays one plan from the first ring to the judged transcript."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from chaos.blows import BLOWS, LISTENER, NOTICED_AT_ONCE, RECOGNISER_DROPS, WORDS_APART, label_of
from chaos.oracle import TIMES_OFF_MS, Copy, Spoken, Verdict, compare, compare_export, holes, judge, offset_of, words_of
from chaos.readers import Reader
from chaos.rig import Rig, running_rig, write_wav
from chaos.schedule import Blow, Plan
from tests.emulated_deepgram.ears import Heard, number_of, numbered_speech, places

# People do not begin in the same moment.
BEGIN_APART_S = 0.137
SETTLE_S = 3.0  # after the last word, before they hang up
CALL_TIMEOUT_S = 60.0
# The end of a call may have to be asked for, and the answer may fail at first.
COMPLETE_TIMEOUT_S = 120.0
FORKS_BACK_S = 10.0
POLL_S = 0.1
# Captions so far from any drop have nothing to do with it: one that nobody notices takes 8 s to be found.
NEAR_A_DROP_S = 15.0
CAPTIONS_KEPT = 100  # of each call
HANG_UPS_S = (None, 4.0, 11.0)  # how long the three readers stay connected, about


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a plan. ``faults``: what is wrong in the transcript and its copies; ``late``: what took too long."""

    suite: str
    seed: int
    participants: int
    seconds: float
    blows: dict[str, int] = {}
    drops: int = 0
    kills: int = 0
    verdict: Verdict = msgspec.field(default_factory=Verdict)
    reconnects: int = 0
    committed_lost: int = 0
    ready_s: list[float] = []
    ready_cpu_s: list[float] = []  # what the new process used of a core until it was ready: the same on a busy machine
    forks_back_s: list[float] = []
    captions_back_ms: list[int] = []  # after a drop: from the end of the first word after it to its first caption
    captions_ms: list[int] = []  # the same for words without a drop near
    log: dict[str, int] = {}
    faults: list[str] = []
    late: list[str] = []


class Drop(msgspec.Struct, frozen=True):
    """A recogniser's connection that was lost. ``noticed``: in a way that is noticed at once."""

    who: int
    at: datetime
    noticed: bool


class Captions:
    """When each word first stood in anything that a reader was told."""

    def __init__(self) -> None:
        self.seen: dict[int, datetime] = {}

    def heed(self, event: dict[str, Any]) -> None:
        if event.get("type") in ("utterance.partial", "utterance.final"):
            now = datetime.now(UTC)
            for word in event["data"]["text"].split():
                if (number := number_of(word)) is not None:
                    self.seen.setdefault(number, now)


async def run(plan: Plan, folder: Path) -> Outcome:
    """Start everything, let it happen, wait for the end, judge."""
    async with running_rig(folder, seed=plan.seed, jitter_ms=plan.jitter_ms) as rig:
        spoken, scenario = await asyncio.to_thread(_script, plan, folder)
        told = await rig.control("POST", "/scenarios", scenario | {"voice_url": f"{rig.base}/twilio/voice"})
        rig.conference = await _conference(rig, told["room"])
        random, captions = Random(plan.seed), Captions()
        readers = [
            Reader(rig.http, f"{rig.base}/v1/stream", random=Random(random.random()), stays_s=stays_s)
            for stays_s in HANG_UPS_S
        ]
        struck: Counter[str] = Counter()
        drops: list[Drop] = []
        complete = True
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = [
                    tasks.create_task(reader.read(rig.conference, captions.heed), name=f"reader-{n}")
                    for n, reader in enumerate(readers)
                ]
                begun = await _speaking(rig, told["id"])
                await _suffer(rig, plan, begun, struck, drops)
                await rig.control("DELETE", "/faults")
                await _over(rig, told["id"], begun + plan.seconds + SETTLE_S + CALL_TIMEOUT_S)
                _, waiting = await asyncio.wait(reading, timeout=COMPLETE_TIMEOUT_S)
                complete = not waiting
                for task in waiting:
                    task.cancel()
        finally:
            rig.ears.faults.clear()
        return await _judge(_Run(plan, rig, spoken, readers, captions, struck, drops, complete))


class _Run(msgspec.Struct):
    """All that is known of a run behind its end. ``spoken``: by label."""

    plan: Plan
    rig: Rig
    spoken: dict[str, list[Heard]]
    readers: list[Reader]
    captions: Captions
    struck: Counter[str]
    drops: list[Drop]
    complete: bool


def _script(plan: Plan, folder: Path) -> tuple[dict[str, list[Heard]], dict[str, Any]]:
    """What everybody says, by label, and the scenario that lets them say it."""
    sentence_ms = places(0, 9)[8].start_ms - places(0, 1)[0].start_ms
    words = max(8, int(plan.seconds * 1000 // sentence_ms) * 8)
    spoken, actors = dict[str, list[Heard]](), list[dict[str, Any]]()
    for who in range(plan.participants):
        label, path = label_of(who), folder / f"{label_of(who)}.wav"
        write_wav(path, numbered_speech(who * WORDS_APART, words))
        spoken[label] = places(who * WORDS_APART, words)
        actors.append({"label": label, "says": [{"wav": str(path), "at": round(who * BEGIN_APART_S, 3)}]})
    actors.append({"label": LISTENER})
    return spoken, {"participants": actors, "title": f"{plan.suite} {plan.seed}", "hang_up_after": SETTLE_S}


async def _conference(rig: Rig, room: str) -> str:
    async with asyncio.timeout(CALL_TIMEOUT_S):
        while True:
            async with rig.http.get(f"{rig.base}/v1/conferences", params={"room": room}) as answer:
                found = (await answer.json())["data"]
            if found:
                return str(found[0]["id"])
            await asyncio.sleep(POLL_S)


async def _speaking(rig: Rig, run_id: str) -> float:
    """Wait until everybody is in the room and streams; the moment (monotonic) when they began."""
    async with asyncio.timeout(CALL_TIMEOUT_S):
        while (told := await rig.control("GET", f"/scenarios/{run_id}"))["state"] != "speaking":
            assert told["state"] == "calling", told
            await asyncio.sleep(POLL_S)
    rig.conference_sid = told["conference_sid"]
    begun = time.monotonic() - float(told["seconds_spoken"])
    rig.calls_end = begun + float(told["seconds_total"])
    rig.calls = {call["label"]: call["call_sid"] for call in told["calls"]}
    return begun


async def _over(rig: Rig, run_id: str, deadline: float) -> None:
    while (await rig.control("GET", f"/scenarios/{run_id}"))["state"] not in ("ended", "failed"):
        assert time.monotonic() < deadline, "the emulated call does not end"
        await asyncio.sleep(POLL_S)


async def _suffer(rig: Rig, plan: Plan, begun: float, struck: Counter[str], drops: list[Drop]) -> None:
    """Everything at its moment, whatever else is going on."""

    async def strike(blow: Blow) -> None:
        await asyncio.sleep(max(0.0, begun + blow.at_s - time.monotonic()))
        at = datetime.now(UTC)
        if await BLOWS[blow.kind](rig, blow):
            struck[blow.kind] += 1
            if blow.kind in RECOGNISER_DROPS:
                drops.append(Drop(blow.who, at, blow.kind in NOTICED_AT_ONCE))

    async with asyncio.TaskGroup() as tasks:
        for n, blow in enumerate(plan.blows):
            tasks.create_task(strike(blow), name=f"blow-{n}-{blow.kind}")


# -- judgement -------------------------------------------------------------------------------------------------


async def _judge(done: _Run) -> Outcome:
    rig, plan = done.rig, done.plan
    ids = rig.participants()
    spoken: Spoken = {ids[label]: words for label, words in done.spoken.items()}
    stored = rig.stored()
    verdict = judge(spoken, stored, jitter_ms=plan.jitter_ms)
    copies = {f"reader {n}": compare(stored, reader.events) for n, reader in enumerate(done.readers)}
    copies["export"] = await _export(rig, stored)
    lost = _committed_lost(rig, stored)
    forks_back, never_back = _forks_back(rig, stored, plan.participants)
    back, plain = _caption_times(done, spoken, stored, ids)
    faults = [
        *verdict.faults,
        *(f"{name}: {fault}" for name, copy in copies.items() for fault in copy.faults),
        *([f"{lost} committed events lost"] if lost else []),
        *([f"{len(missing)} numbers missing in the log"] if (missing := holes(stored)) else []),
        *([] if done.complete else [f"no transcript.completed within {COMPLETE_TIMEOUT_S:.0f} s"]),
    ]
    # Among all other faults a fork may wait for the REST API or the database, which are away as well.
    slow = never_back if plan.suite == "kills" else 0
    late = [
        *([f"forks were not back after {FORKS_BACK_S:.0f} s, {slow} times"] if slow else []),
        *([f"{verdict.times_off} word times off by more than {TIMES_OFF_MS} ms"] if verdict.times_off else []),
    ]
    struck = done.struck
    return Outcome(
        suite=plan.suite, seed=plan.seed, participants=plan.participants, seconds=plan.seconds,
        blows=dict(sorted(struck.items())), drops=sum(struck[kind] for kind in RECOGNISER_DROPS),
        kills=len(rig.deaths), verdict=verdict, reconnects=sum(max(0, reader.reconnects) for reader in done.readers),
        committed_lost=lost, ready_s=[death.ready_s for death in rig.deaths],
        ready_cpu_s=[death.ready_cpu_s for death in rig.deaths], forks_back_s=forks_back,
        captions_back_ms=back, captions_ms=plain,
        log=_troubles(rig.log()), faults=faults, late=late,
    )  # fmt: skip


async def _export(rig: Rig, stored: list[dict[str, Any]]) -> Copy:
    async with rig.http.get(f"{rig.base}/v1/conferences/{rig.conference}/transcript.json") as answer:
        answer.raise_for_status()
        return compare_export(stored, await answer.json())


def _committed_lost(rig: Rig, stored: list[dict[str, Any]]) -> int:
    """Events that lay in the store when a process was dead, and do not lie there any more as they were."""
    final = {event["seq"]: event for event in stored}
    return sum(final.get(event["seq"]) != event for death in rig.deaths for event in death.committed)


def _forks_back(rig: Rig, stored: list[dict[str, Any]], participants: int) -> tuple[list[float], int]:
    """From each death to the moment when the last fork had a stream again; and how often that took too long.

    A death that came before everybody was back from the one before it says nothing.
    """
    resumed = [
        (datetime.fromisoformat(event["timestamp"]).replace(tzinfo=UTC), event["data"]["fork"])
        for event in stored
        if event["type"] == "fork.resumed"
    ]
    took: list[float] = []
    never = 0
    deaths = [death.at for death in rig.deaths]
    for at, until in pairwise([*deaths, datetime.max.replace(tzinfo=UTC)]):
        first: dict[str, datetime] = {}
        for moment, fork in resumed:
            if at < moment < until:
                first.setdefault(fork, moment)
        if len(first) > participants:  # the listener has a fork, too
            took.append(round((max(first.values()) - at).total_seconds(), 2))
        elif until - at > timedelta(seconds=FORKS_BACK_S):
            never += 1
    return took, never + sum(seconds > FORKS_BACK_S for seconds in took)


def _caption_times(
    done: _Run, spoken: Spoken, stored: list[dict[str, Any]], ids: dict[str, str]
) -> tuple[list[int], list[int]]:
    """How long after its end a word was seen: the first one after each drop, and those far from any."""
    zero, back, plain = done.rig.clock_zero(), list[int](), list[int]()
    for who in range(done.plan.participants):
        said = spoken[ids[label_of(who)]]
        heard = words_of(stored, ids[label_of(who)])
        offset = offset_of(said, heard, done.plan.jitter_ms)
        if offset is None:
            continue
        ends = {
            number: zero + timedelta(milliseconds=word.end_ms + offset)
            for word in said
            if (number := number_of(word.text)) is not None
        }
        seen = {number: done.captions.seen[number] for number in ends if number in done.captions.seen}
        mine = [drop for drop in done.drops if drop.who == who]
        for drop in mine:
            after = [(end, number) for number, end in ends.items() if end > drop.at]
            if drop.noticed and after and min(after)[1] in seen:
                end, number = min(after)
                back.append(round((seen[number] - end).total_seconds() * 1000))
        for number, moment in seen.items():
            if all(abs((ends[number] - drop.at).total_seconds()) > NEAR_A_DROP_S for drop in mine):
                plain.append(round((moment - ends[number]).total_seconds() * 1000))
    return back, sorted(plain)[:: max(1, len(plain) // CAPTIONS_KEPT)]


def _troubles(log: str) -> dict[str, int]:
    """Warnings and errors of the service, by name."""
    found: Counter[str] = Counter()
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # a line that a killed process left unfinished, or the greeting
        if entry.get("level") in ("warning", "error", "critical"):
            found[str(entry.get("event"))] += 1
    return dict(found)
