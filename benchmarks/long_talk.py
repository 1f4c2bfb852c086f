"""Ten minutes with an assistant, by each runtime: tools, interruptions, lost lines. Part of ``make soak``.

    python -m benchmarks.long_talk --minutes 0.5    # only this, and short; prints its section

Twilio and OpenAI are emulated over sockets; the service is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.parts import quantiles, resident_bytes
from tests.assisted_room import Room
from tests.book_call import book_call
from tests.e2e.test_assistant_runtimes import (
    LONG,
    OBJECTION,
    ORDER,
    QUESTION,
    RECAP,
    STILL_THERE,
    hearing,
    reading,
)
from tests.emulated_openai.server import KEY, MODEL, EmulatedOpenai, running

RUNTIMES = ("cascade", "openai-realtime")
MINUTES = 10.0
# In every so many rounds its line is lost, and the model's socket with it.
LOSES_EACH = 3
SPEAKS_S = 1.5
WARM_ROUNDS = 2
HEAD = """
## {minutes:g} minutes with an assistant

A question that needs a tool, an answer that is interrupted, a question that is answered, again and again. In every
third round the assistant's line is lost, and the realtime model's socket too; it comes back and knows what was heard.

| Runtime | Turns | As expected | Lines lost | Utterances doubled | To first media p50, p99 | Memory warm, at the end |
|---|---|---|---|---|---|---|
"""


async def talk(runtime: str, minutes: float) -> dict[str, Any]:
    """One conversation."""
    variables = {"SIDECAR_ASSISTANT": runtime, "OPENAI_API_KEY": KEY, "SIDECAR_LLM_MODEL": MODEL}
    with tempfile.TemporaryDirectory(prefix="sidecar-talk-") as folder:
        async with running() as (openai, url):
            openai.brain, openai.realtime.brain = reading, hearing
            phrases = ORDER, QUESTION, RECAP, OBJECTION, STILL_THERE
            async with (
                book_call(Path(folder), *phrases, OPENAI_BASE_URL=url, **variables) as call,
                call.service() as service,
                Room(call.line, call.book, "talk").there("agent", "customer") as room,
            ):
                await room.invite(announce="none", audience="agent")
                await room.says("customer", ORDER)
                await room.until("utterance.final")
                return {"runtime": runtime} | await rounds(room, openai, service.pid, minutes)


async def rounds(room: Room, openai: EmulatedOpenai, pid: int, minutes: float) -> dict[str, Any]:
    """One after another, for so long."""
    until = time.monotonic() + minutes * 60
    done = lost = warm = 0
    expected: list[bool] = []
    while time.monotonic() < until or done < WARM_ROUNDS:
        await room.says("agent", QUESTION)
        turn = await room.turn(3 * done + 1)
        expected.append("seven three five two nine" in turn["heard"] and turn["tools"][-1]["outcome"] == "done")
        await room.says("agent", RECAP)
        await room.speaking(3 * done + 2)
        await asyncio.sleep(SPEAKS_S)
        await room.says("agent", OBJECTION)
        turn = await room.turn(3 * done + 2)
        expected.append(turn["outcome"] == "interrupted" and LONG.startswith(turn["heard"]) and turn["heard"] != LONG)
        if done % LOSES_EACH == LOSES_EACH - 1:
            await lose(room, openai)
            lost += 1
        await room.says("agent", STILL_THERE)
        expected.append((await room.turn(3 * done + 3))["heard"] == "Yes, I am here.")
        done += 1
        if done == WARM_ROUNDS:
            warm = resident_bytes(pid)
    ids = [said["id"] for said in room.all("utterance.final")]
    totals = [turn["latency"]["total"] for turn in room.all("assistant.turn")]
    return {
        "turns": len(expected),
        "expected": sum(expected),
        "lost": lost,
        "doubled": len(ids) - len(set(ids)),
        "total_ms": quantiles([total for total in totals if total is not None]),
        "memory_mb_warm": round(warm / 1e6),
        "memory_mb_end": round(resident_bytes(pid) / 1e6),
    }


async def lose(room: Room, openai: EmulatedOpenai) -> None:
    """Its line, and the model's socket if there is one. Returns when it listens again."""
    seen = len(room.all("assistant.state"))
    call_sid = room.all("assistant.joined")[0]["call_sid"]
    streams = [one for one in (await room.line.state())["streams"] if one["call_sid"] == call_sid]
    await room.line.control(f"/control/streams/{streams[-1]['sid']}/cut")
    openai.realtime.drop()
    await room.until("assistant.state", lambda told: told["state"] == "listening" and told in later(room, seen))


def later(room: Room, seen: int) -> list[dict[str, Any]]:
    """States behind the loss: of joining, and what follows."""
    states = room.all("assistant.state")[seen:]
    at = next((n for n, told in enumerate(states) if told["state"] == "joining"), len(states))
    return states[at:]


async def talks(minutes: float) -> list[dict[str, Any]]:
    """One by each runtime, side by side: each has a Twilio, an OpenAI and a service of its own."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(talk(runtime, minutes), name=runtime) for runtime in RUNTIMES]
    return [one.result() for one in running]


def section(minutes: float) -> str:
    """Both conversations, as Markdown."""
    lines = []
    for told in asyncio.run(talks(minutes)):
        delay = told["total_ms"]
        lines.append(
            f"| {told['runtime']} | {told['turns']} | {told['expected']} | {told['lost']} | {told['doubled']} "
            f"| {delay['p50']:.0f}, {delay['p99']:.0f} ms | {told['memory_mb_warm']}, {told['memory_mb_end']} MB |\n"
        )
    return HEAD.format(minutes=minutes) + "".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    print(section(parser.parse_args().minutes))
