"""``python -m tests.emulated_openai --port 9100``: until it is stopped. Chat answers with what it was told last."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from tests.emulated_openai.server import KEY, MODEL, running


async def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulated_openai")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", default=KEY)
    given = parser.parse_args()
    async with running(given.port, key=given.key) as (_, url):
        sys.stdout.write(f"OPENAI_BASE_URL={url} OPENAI_API_KEY={given.key} SIDECAR_LLM_MODEL={MODEL}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
