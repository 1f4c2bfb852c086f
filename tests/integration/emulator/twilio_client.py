"""The real twilio client, pointed at the emulator; every answer it gets is held against the golden schemas."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.integration.emulator.small_service import ACCOUNT, Small

LIMIT_S = 20.0
SCHEMAS = Path(__file__).parents[2] / "golden" / "twilio" / "rest"
# The last word of a path, without ids, and what is answered there.
RESOURCES = {
    "Conferences": "conference",
    "Participants": "participant",
    "Calls": "call",
    "Streams": "stream",
    "IncomingPhoneNumbers": "incoming_phone_number",
    "Applications": "application",
}


def check(name: str, value: Any) -> None:
    """Fails unless the value is what Twilio's description says."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    errors = [f"{list(error.path)}: {error.message}" for error in OAS31Validator(schema).iter_errors(value)]
    assert not errors, f"{name}: {errors}"


def check_answer(method: str, path: str, status: int, text: str) -> None:
    """The status and the shape that belong to the request."""
    collection, sid = re.findall(r"/([A-Z][A-Za-z]+)(?:/([^/]+))?\.json$", path)[-1]
    if status >= 400:
        check("error", json.loads(text))
        assert json.loads(text)["status"] == status
    elif method == "DELETE":
        assert (status, text) == (204, "")
    elif method == "POST":
        created = not sid and collection != "Streams"  # Twilio answers a new stream with 200
        assert status == (201 if created else 200)
        check(RESOURCES[collection], json.loads(text))
    elif sid:
        check(RESOURCES[collection], json.loads(text))
    else:
        page = json.loads(text)
        check("page", page)
        [key] = [name for name in page if isinstance(page[name], list)]
        assert key == {"IncomingPhoneNumbers": "incoming_phone_numbers"}.get(collection, collection.lower())
        for one in page[key]:
            check(RESOURCES[collection], one)


class CheckedHttpClient(AsyncTwilioHttpClient):  # type: ignore[misc] # the package has no types
    """Twilio's client; ``checked`` counts the answers."""

    checked = 0

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        response = await super().request(method, url, *args, **kwargs)
        check_answer(method.upper(), url.partition("?")[0], response.status_code, response.text)
        self.checked += 1
        return response


@asynccontextmanager
async def twilio_client(s: Small, token: str = ACCOUNT.auth_token) -> AsyncIterator[Client]:
    """Only the host of its URLs is another. Every use of it is under a time limit."""
    http = CheckedHttpClient()
    client = Client(ACCOUNT.sid, token, http_client=http)
    client.get_hostname = lambda uri: uri.replace("https://api.twilio.com", s.base)
    try:
        async with asyncio.timeout(LIMIT_S):
            yield client
        assert http.checked
    finally:
        await http.close()


async def in_conference(s: Small, *labels: str) -> list[str]:
    """These people in the room ``r-1``; their calls."""
    s.service.twiml = lambda asked: f"<Response>{s.service.conference(asked['label'])}</Response>"
    calls = []
    for label in labels:
        calls.append(await s.call(voice_url=f"{s.service.base}/voice?label={label}", **{"from": f"client:{label}"}))
        await s.in_room(calls[-1])
    return calls


async def refused(awaitable: object) -> tuple[int, int]:
    """Status and Twilio's number of a refusal."""
    with pytest.raises(TwilioRestException) as error:
        await awaitable  # type: ignore[misc]
    return error.value.status, error.value.code
