"""Many callers at once: signed calls, signed media sockets, and frames at their true pace.

The frames of all callers that share a slot of the 20 ms are the same bytes, and a mask of zeros is a mask: so this
process costs a tenth of what it loads. Frames are stamped just before they are written, or they carry numbered words.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Callable

import aiohttp
from twilio.request_validator import RequestValidator

from benchmarks.parts import FRAME_BYTES, FRAME_S, HOST, STAMP_BYTES, TOKEN, heard, now_stamp, say, speech_frames
from tests.emulated_deepgram.ears import numbered_speech

SLOTS = 20
# Calls that are placed at the same time.
OPENING = 16
SPEECH_FRAMES = 1_000
PEOPLE_PER_ROOM = 2


def text_frame(text: bytes) -> bytes:
    """A masked WebSocket text frame (RFC 6455, 5.2), its mask all zeros."""
    head = b"\x81" + (bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big"))
    return head + b"\0\0\0\0" + text


class StampedSpeech:
    """A sample call's speech again and again, each frame with the moment at which it is asked for."""

    def __init__(self) -> None:
        self._tails = [base64.b64encode(frame[STAMP_BYTES:]) for frame in speech_frames(SPEECH_FRAMES)]

    def __call__(self, tick: int) -> bytes:
        return base64.b64encode(now_stamp()) + self._tails[tick % len(self._tails)]


class NumberedSpeech:
    """Words that say which number they are, then silence."""

    def __init__(self, words: int) -> None:
        self._audio = numbered_speech(0, words)

    def __call__(self, tick: int) -> bytes:
        frame = self._audio[tick * FRAME_BYTES : (tick + 1) * FRAME_BYTES]
        return base64.b64encode(frame.ljust(FRAME_BYTES, b"\xff"))


class Callers:
    """Places ``count`` calls and keeps them talking. ``bridge``: only sockets, for the baseline asks nothing else."""

    def __init__(self, port: int, count: int, *, bridge: bool, speech: Callable[[int], bytes]) -> None:
        self._port, self._count, self._bridge, self._speech = port, count, bridge, speech
        self._validator = RequestValidator(TOKEN)
        self._writers: list[asyncio.StreamWriter] = []
        self.sent = 0
        self.lost = 0  # streams that the service closed
        self.worst_late_ms = 0.0

    async def open(self) -> None:
        """All calls, some at a time."""
        turn = asyncio.Semaphore(OPENING)

        async def one(http: aiohttp.ClientSession, n: int) -> None:
            async with turn:
                self._writers.append(await self._call(http, n))

        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for n in range(self._count):
                tasks.create_task(one(http, n), name=f"call-{n}")

    async def talk(self) -> None:
        """For ever: one slot after another, 20 in 20 ms."""
        slots = [self._writers[n::SLOTS] for n in range(SLOTS)]
        begun, number = time.monotonic(), 0
        while True:
            tick, slot = divmod(number, SLOTS)
            late = time.monotonic() - (begun + number * FRAME_S / SLOTS)
            self.worst_late_ms = max(self.worst_late_ms, late * 1000)
            frame = self._frame(tick)
            for writer in [one for one in slots[slot] if one.is_closing()]:
                slots[slot].remove(writer)
                self.lost += 1
            for writer in slots[slot]:
                writer.write(frame)
            self.sent += len(slots[slot])
            number += 1
            await asyncio.sleep(max(0.0, begun + number * FRAME_S / SLOTS - time.monotonic()))

    def close(self) -> None:
        """Hang up without a word."""
        for writer in self._writers:
            writer.close()

    def _frame(self, tick: int) -> bytes:
        return text_frame(
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d",'
            b'"payload":"%s"},"streamSid":"MZ00000000000000000000000000000000"}'
            % (tick + 3, tick + 1, tick * 20, self._speech(tick))
        )

    async def _call(self, http: aiohttp.ClientSession, n: int) -> asyncio.StreamWriter:
        call_sid = f"CA{secrets.token_hex(16)}"
        token = "" if self._bridge else await self._token(http, call_sid, n)
        url = f"ws://{HOST}:{self._port}/twilio/media"
        signature = self._validator.compute_signature(url, {})
        reader, writer = await asyncio.open_connection(HOST, self._port)
        writer.write(
            f"GET /twilio/media HTTP/1.1\r\nHost: {HOST}:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"X-Twilio-Signature: {signature}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer:
            raise RuntimeError(f"no socket: {answer.splitlines()[0].decode()}")
        start = {
            "event": "start",
            "sequenceNumber": "2",
            "start": {
                "accountSid": "AC" + "0" * 32,
                "streamSid": f"MZ{secrets.token_hex(16)}",
                "callSid": call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": token},
            },
        }
        writer.write(text_frame(b'{"event":"connected","protocol":"Call","version":"1.0.0"}'))
        writer.write(text_frame(json.dumps(start).encode()))
        return writer

    async def _token(self, http: aiohttp.ClientSession, call_sid: str, n: int) -> str:
        url = f"http://{HOST}:{self._port}/twilio/voice?room=room-{n // PEOPLE_PER_ROOM}&label=caller-{n}"
        form = {"CallSid": call_sid, "From": "+15550100", "To": "+15550199"}
        headers = {"X-Twilio-Signature": self._validator.compute_signature(url, form)}
        async with http.post(url, data=form, headers=headers) as answer:
            found = re.search(r'name="token" value="([^"]+)"', await answer.text())
        if found is None:
            raise RuntimeError(f"no fork: {answer.status}")
        return found[1]


async def main(args: argparse.Namespace) -> None:
    """Open, talk, and say how many frames left between ``measure`` and ``report``."""
    speech = NumberedSpeech(args.words) if args.words else StampedSpeech()
    callers = Callers(args.port, args.forks, bridge=args.bridge, speech=speech)
    await callers.open()
    say(open=args.forks)
    async with asyncio.TaskGroup() as tasks:
        talking = tasks.create_task(callers.talk(), name="talk")
        await heard("measure")
        before, callers.worst_late_ms = callers.sent, 0.0
        await heard("report")
        say(frames=callers.sent - before, worst_late_ms=round(callers.worst_late_ms, 1), lost=callers.lost)
        await heard("stop")
        talking.cancel()
    callers.close()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--forks", type=int, required=True)
    parser.add_argument("--bridge", action="store_true")
    parser.add_argument("--words", type=int, default=0, help="say so many numbered words, not a sample call")
    uvloop.run(main(parser.parse_args()))
