"""An assistant whose service is killed: the call goes on, it comes back, and knows what was said."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.book_call import book_call

ORDER = "My order number is seven three five two nine."
RECAP = "Ava, give us a recap."


async def test_a_service_that_is_killed_while_it_speaks_comes_back_to_the_call(tmp_path: Path) -> None:
    """Nobody is hung up on; what had been heard is recorded once; it answers with all that was said before."""
    async with book_call(tmp_path, ORDER, RECAP) as call:
        async with call.service() as first:
            await call.begin()
            await call.says("customer", ORDER)
            await call.told("utterance.final")  # it ends in digits, so it waits for more of them
            one = await call.invite(announce="none", audience="agent")
            await call.says("agent", RECAP)
            await call.until_speaking()
            await asyncio.sleep(2)
            first.kill()
        async with call.service():
            turn = await call.told("assistant.turn")
            assert turn["outcome"] == "service_restarted"
            assert 0 < len(turn["heard"]) < len(turn["text"])
            await call.until_state(one, "listening")
            await call.told("fork.resumed", 2)
            await call.says("agent", RECAP)
            turn = await call.told("assistant.turn", 2)
            assert turn["outcome"] == "completed"
            assert "seven three five two nine" in turn["heard"]
            kinds = [event["type"] for event in await call.line.service.events()]
            assert kinds.count("assistant.joined") == 1
            assert kinds.count("assistant.turn") == 2
            assert "participant.left" not in kinds
