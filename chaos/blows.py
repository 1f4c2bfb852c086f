"""What can happen, by name: each kind of blow as one function that lets it happen and returns when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chaos.rig import Rig
from chaos.schedule import Blow
from tests.emulated_deepgram.ears import number_of
from tests.emulated_deepgram.server import Connection, Fault

# Participant p says the words from p * WORDS_APART on, so a word tells whose it is.
WORDS_APART = 100_000
LISTENER = "listener"  # says nothing; what happens to it makes callbacks

Strike = Callable[[Rig, Blow], Awaitable[bool]]


def label_of(who: int) -> str:
    """A participant's label."""
    return f"p{who}"


def _recogniser(fault: Fault, then: Fault | None = None) -> Strike:
    """Something goes wrong on the participant's connection, and on the next one that anybody opens."""

    async def strike(rig: Rig, blow: Blow) -> bool:
        def on(connection: Connection) -> bool:
            number = number_of(connection.latest)
            return number is not None and number // WORDS_APART == blow.who

        if then is not None:
            rig.ears.faults.append(then)
        return rig.ears.strike(fault, on)

    return strike


def _stream(**order: Any) -> Strike:
    """A fault of the participant's media stream."""

    async def strike(rig: Rig, blow: Blow) -> bool:
        stream = await rig.stream_of(label_of(blow.who))
        lasting = {"seconds": blow.seconds} if blow.seconds else {}
        body = order | lasting | {"stream": stream}
        return stream is not None and await rig.control("POST", "/faults", body) is not None

    return strike


async def _cut(rig: Rig, blow: Blow) -> bool:
    stream = await rig.stream_of(label_of(blow.who))
    if stream is not None:
        await rig.control("POST", f"/streams/{stream}/cut?away_s={blow.seconds}")
    return stream is not None


def _cut_and(**order: Any) -> Strike:
    """A cut, and Twilio's trouble with what comes after it."""

    async def strike(rig: Rig, blow: Blow) -> bool:
        lasting = {"seconds": blow.seconds} if blow.seconds else {}
        await rig.control("POST", "/faults", order | lasting)
        return await _cut(rig, Blow(at_s=blow.at_s, kind="cut", who=blow.who))

    return strike


async def _mute_storm(rig: Rig, _: Blow) -> bool:
    for n in range(6):
        await rig.mute(LISTENER, on=n % 2 == 0)
        await asyncio.sleep(0.05)
    return True


def _callbacks(**order: Any) -> Strike:
    """Callbacks go wrong, and there are some."""

    async def strike(rig: Rig, blow: Blow) -> bool:
        lasting = {"seconds": blow.seconds} if blow.seconds else {}
        await rig.control("POST", "/faults", order | lasting)
        return await _mute_storm(rig, blow)

    return strike


async def _kill(rig: Rig, blow: Blow) -> bool:
    return await rig.kill(blow.seconds)


async def _freeze(rig: Rig, blow: Blow) -> bool:
    await rig.freeze(blow.seconds)
    return True


async def _lock(rig: Rig, blow: Blow) -> bool:
    await rig.lock(blow.seconds)
    return True


DROP = Fault(drop_at=0)
BLOWS: dict[str, Strike] = {
    "drop": _recogniser(DROP),
    "close_1011": _recogniser(Fault(close_at=(0, 1011, "NET-0000"))),
    "silent": _recogniser(Fault(silent=True)),
    "refuse_429": _recogniser(DROP, then=Fault(refuse=429)),
    "refuse_401": _recogniser(DROP, then=Fault(refuse=401)),
    "slow_handshake": _recogniser(DROP, then=Fault(stall_handshake=True)),
    "cut": _cut,
    "stall": _stream(kind="stall"),
    "half_open": _stream(kind="half_open"),
    "lost_frames": _stream(kind="gap"),
    "doubled_frames": _stream(kind="duplicate_frames", count=50),
    "second_socket": _stream(kind="second_socket"),
    "rest_503": _cut_and(kind="fail_rest", count=2, path="/Streams"),
    "rest_429": _cut_and(kind="fail_rest", count=1, status=429, code=20429, retry_after_s=1, path="/Streams"),
    "rest_hangs": _cut_and(kind="hang_rest", count=1, path="/Streams"),
    "callbacks_twice": _callbacks(kind="duplicate_callbacks", count=6),
    "callbacks_late": _callbacks(kind="delay_callbacks", count=3),
    "callbacks_turned": _callbacks(kind="reorder_callbacks", count=6),
    "forged_requests": _callbacks(kind="wrong_signature", count=2),
    "forged_sockets": _cut_and(kind="wrong_signature", count=1, on="sockets"),
    "mute_storm": _mute_storm,
    "kill": _kill,
    "freeze": _freeze,
    "lock": _lock,
}
RECOGNISER_DROPS = frozenset({"drop", "close_1011", "silent", "refuse_429", "refuse_401", "slow_handshake"})
# The service is told at once that these connections are gone; captions have to come back in time.
NOTICED_AT_ONCE = frozenset({"drop", "close_1011"})
