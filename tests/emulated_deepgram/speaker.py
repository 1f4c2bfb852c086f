"""Deepgram's ``POST /v1/speak``: Aura over HTTP, with its refusals and faults to order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from sidecar.speech import g711
from tests.emulated_speech import Speech, speak, tone

# What the voice may ask for, and nothing else.
EXPECTED = {"encoding": "mulaw", "sample_rate": "8000", "container": "none"}
MOST_CHARACTERS = 2_000
REQUEST_ID = "b7e2a6f0-speak"


@dataclass
class SpeechRequest:
    """What one client asked, and how it went."""

    query: dict[str, str]
    text: str
    ended: str = ""  # "answered", "left" (by the client); "" while it is under way


class Speaker:
    """``speeches``: for the next requests, one each. ``tell``: called when a request begins or ends."""

    def __init__(self, key: str, tell: Callable[[], Awaitable[None]]) -> None:
        self.speeches: deque[Speech] = deque()
        self.requests: list[SpeechRequest] = []
        self._key = key
        self._tell = tell

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The route."""
        asked = SpeechRequest(dict(request.query), str((await request.json()).get("text", "")))
        self.requests.append(asked)
        await self._tell()
        fault = self.speeches.popleft() if self.speeches else Speech()
        try:
            status, code = self._judge(request, asked, fault)
            if status != 200:
                return _refusal(status, code)
            response = await speak(request, g711.encode(tone(asked.text, g711.SAMPLE_RATE)), fault)
            asked.ended = "answered"
            return response
        finally:
            asked.ended = asked.ended or "left"
            await self._tell()

    def _judge(self, request: web.Request, asked: SpeechRequest, fault: Speech) -> tuple[int, str]:
        if request.headers.get("Authorization") != f"Token {self._key}":
            return 401, "INVALID_AUTH"
        if fault.status != 200:
            return fault.status, fault.code
        model = asked.query.pop("model", "")
        if asked.query != EXPECTED or not model.startswith("aura-"):
            return 400, "INVALID_QUERY_PARAMETER"
        if len(asked.text) > MOST_CHARACTERS:
            return 413, "PAYLOAD_TOO_LARGE"
        return (200, "") if asked.text else (400, "EMPTY_TEXT")


def _refusal(status: int, code: str) -> web.Response:
    body = {"err_code": code, "err_msg": "In words, secret ones.", "request_id": REQUEST_ID}
    headers = {"dg-request-id": REQUEST_ID}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json", headers=headers)
