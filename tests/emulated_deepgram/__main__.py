"""``python -m tests.emulated_deepgram --port 9000 --ear numbered``: until it is stopped.

``numbered`` hears the words of ``ears.numbered_speech``; ``sounds`` hears a word of a list in every 300 ms of sound.
``GET /control/connections`` says what was heard on each connection.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from tests.emulated_deepgram.ears import Ear, NumberedEar, SoundEar
from tests.emulated_deepgram.server import COUNTING, KEY, running


async def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulated_deepgram")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--ear", choices=["numbered", "sounds"], default="sounds")
    parser.add_argument("--max-sessions", type=int, default=1_000)
    given = parser.parse_args()

    def ear() -> Ear:
        return NumberedEar() if given.ear == "numbered" else SoundEar(COUNTING)

    async with running(given.port, ear=ear, key=given.key, max_sessions=given.max_sessions) as (_, url):
        sys.stdout.write(f"DEEPGRAM_BASE_URL={url} DEEPGRAM_API_KEY={given.key}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
