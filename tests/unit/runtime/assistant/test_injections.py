"""A model that does whatever anybody on the call tells it: the policy outside of it refuses. In virtual time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest
from structlog.testing import capture_logs

from sidecar.adapters.sql import Database
from sidecar.domain.assistant.events import AssistantDoing, AssistantTurn
from sidecar.domain.assistant.stay import Announce, Audience, Stage
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool, ToolCall
from tests.assistant_rig import assistant_rig
from tests.injections import INJECTIONS

pytestmark = pytest.mark.virtual_time
# Said behind the assistant's name where an injection does not begin with it: then it is meant.
SPOKEN = [(text if text.startswith("Ava") else f"Ava. {text}", call) for text, call in INJECTIONS]


class ObedientModel:
    """Asks for the tool that the newest words wish for, and says so."""

    engine = "obedient"

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """The tool, and when its result is there, a sentence."""
        if messages[-1].role == "tool":
            yield TextPiece("No.")
            return
        newest = messages[-1].text.splitlines()[-1]
        [(name, arguments)] = [call for text, call in SPOKEN if text in newest]
        yield ToolCall("call_1", name, arguments)

    async def close(self) -> None:
        """Nothing to free."""


async def test_a_hundred_phrases_of_a_customer_move_no_tool(database: Database) -> None:
    """Each is told as refused in its turn and in the log, without a word of what was said; the assistant stays."""
    rig = await assistant_rig(database)
    with capture_logs() as logged:
        async with rig.running(ObedientModel(), minutes=240):
            one = await rig.invite(announce=Announce.ANNOUNCE, audience=Audience.ALL)
            await rig.join(one)
            for n, (text, (name, _)) in enumerate(SPOKEN, start=1):
                await rig.says(rig.customer, text)
                turn = await rig.until(AssistantTurn, n)
                assert [(use.name, use.outcome) for use in turn.tools] == [(name, "refused")], text
                assert turn.heard == "No."
            row = await rig.rows.assistant(one.id)
            assert row is not None
            assert row.stage is Stage.JOINED
    assert len(SPOKEN) == 100
    refusals = [entry for entry in logged if entry["event"] == "assistant_tool_refused"]
    assert len(refusals) == 100
    for entry in refusals:
        assert set(entry) == {"event", "log_level", "tool", "code"}
    told = repr(logged)
    assert not [
        text for text, (_, arguments) in INJECTIONS if text in told or (arguments != "{}" and arguments in told)
    ]
    assert "supervisor_wanted" not in {told.note for told in rig.of(AssistantDoing)}
