"""Many readers of event streams: how many events reach them, and how long after the upstream sent the result.

Raw sockets: a thousand readers must cost less than the service that serves them. Every ``SAMPLED``-th looks at the
times in the texts, the others count.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time

from benchmarks.parts import HOST, heard, quantiles, say, stamped_ns

SAMPLED = 25
STAMPED = re.compile(rb'"text":"(final|partial) ([a-j]+)"')
EVENT = b"\nevent: utterance."
CHUNK_BYTES = 1 << 18
OPENING = 64  # streams that are opened at the same time


class Readers:
    """``topics`` are dealt out to the readers in turn; ``all_topics``: each reader follows all of them."""

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self.events = 0
        self.since_ns = 0  # older results are history that a stream begins with
        self.ages_ms: dict[bytes, list[float]] = {b"final": [], b"partial": []}
        self.greeted = asyncio.Semaphore(0)
        self._opening = asyncio.Semaphore(OPENING)

    async def read(self, topics: list[str], *, sampled: bool) -> None:
        """One stream, for ever."""
        async with self._opening:
            reader, writer = await self._connect(topics)
            await reader.readuntil(b"event: stream.ready")
        self.greeted.release()
        rest = b""
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                data = rest + chunk
                cut = data.rfind(b"\n\n") + 1
                whole, rest = data[:cut], data[cut:]
                self.events += whole.count(EVENT)
                if sampled:
                    now = time.monotonic_ns()
                    for kind, stamp in STAMPED.findall(whole):
                        if (sent_ns := stamped_ns(stamp.decode())) >= self.since_ns:
                            self.ages_ms[kind].append((now - sent_ns) / 1e6)
        finally:
            writer.close()

    async def resume(self, topic: str, count: int) -> float:
        """Seconds from the request to the ``count``-th stored event."""
        begun = time.monotonic()
        reader, writer = await self._connect([topic])
        seen, rest = 0, b""
        while seen < count:
            chunk = await reader.read(CHUNK_BYTES)
            if not chunk:
                raise RuntimeError(f"the stream ended after {seen} events")
            data = rest + chunk
            rest = data[-len(EVENT) + 1 :]
            seen += data.count(EVENT)
        writer.close()
        return time.monotonic() - begun

    async def _connect(self, topics: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HOST, self._port, limit=CHUNK_BYTES)
        query = "&".join(f"topic={topic}" for topic in topics)
        writer.write(
            f"GET /v1/stream?{query} HTTP/1.1\r\nHost: {HOST}:{self._port}\r\n"
            f"Authorization: Bearer {self._key}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            raise RuntimeError(f"no stream: {head.splitlines()[0].decode()}")
        return reader, writer


async def main(args: argparse.Namespace) -> None:
    """Either one resume, or readers that count between ``measure`` and ``report``."""
    readers = Readers(args.port, args.key)
    if args.resume:
        say(seconds=round(await readers.resume(args.topics[0], args.resume), 3))
        return
    async with asyncio.TaskGroup() as tasks:
        reading = []
        for n in range(args.readers):
            topics = args.topics[n * 20 % len(args.topics) :][:20]
            reading.append(tasks.create_task(readers.read(topics, sampled=n % SAMPLED == 0), name=f"reader-{n}"))
        for _ in reading:
            await readers.greeted.acquire()
        say(open=args.readers)
        await heard("measure")
        readers.events, readers.since_ns = 0, time.monotonic_ns()
        for ages in readers.ages_ms.values():
            ages.clear()
        await heard("report")
        say(
            events=readers.events,
            final_ms=quantiles(readers.ages_ms[b"final"]),
            partial_ms=quantiles(readers.ages_ms[b"partial"]),
        )
        await heard("stop")
        for task in reading:
            task.cancel()


if __name__ == "__main__":
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default="")
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--resume", type=int, default=0, help="instead: one stream that catches up on so many events")
    parser.add_argument("topics", nargs="+")
    uvloop.run(main(parser.parse_args()))
