"""Calls over real HTTP and WebSockets, from the voice request to the last callback."""

from __future__ import annotations

from tests.integration.emulator.small_service import ACCOUNT, small


async def test_a_call_streams_joins_and_leaves() -> None:
    """A caller asks for TwiML, is streamed, joins the room, hangs up; the service hears of each step, signed."""
    async with small() as s:
        s.service.twiml = (
            f"<Response>{s.service.stream()}<Dial><Conference participantLabel='customer' "
            f"statusCallback='{s.service.base}/callbacks' statusCallbackEvent='start end join leave'>r-1"
            "</Conference></Dial></Response>"
        )
        call = await s.call(**{"from": "+12025550142"})
        await s.until(lambda: bool(s.service.sockets) and len(s.service.sockets[0].media) >= 10)
        assert (await s.post(f"/control/calls/{call}/hangup"))[0] == 204
        await s.call_over(call)
        frames = s.service.sockets[0].frames
        assert [f["event"] for f in frames[:3]] == ["connected", "start", "media"]
        assert frames[1]["start"]["callSid"] == call
        assert frames[-1]["event"] == "stop"
        assert s.service.events("StatusCallbackEvent") == ["participant-join", "participant-leave", "conference-end"]
        assert s.service.events("StreamEvent") == ["stream-started", "stream-stopped"]
        assert s.service.requests[0]["AccountSid"] == ACCOUNT.sid
        assert s.service.refused == 0
        assert s.errors() == []
