"""The assistant of a played call: how it gets in, and what the call's scenario asks of it, by the service's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp

from sidecar.cli.demo.door import Door
from sidecar.cli.demo.show import Show

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=15)

Step = dict[str, Any]  # ``emulator.scenario.AssistantStep`` as plain values


async def create_application(
    http: aiohttp.ClientSession, twilio: str, *, account_sid: str, auth_token: str, pages: str
) -> str:
    """A TwiML application by which assistants join calls, at the small Twilio; its sid."""
    url = f"{twilio}/2010-04-01/Accounts/{account_sid}/Applications.json"
    form = {"FriendlyName": "Sidecar assistant", "VoiceUrl": f"{pages}/twilio/assistant"}
    headers = {"Authorization": aiohttp.encode_basic_auth(account_sid, auth_token)}
    async with http.post(url, data=form, headers=headers, timeout=REQUEST_TIMEOUT) as answer:
        answer.raise_for_status()
        return str((await answer.json())["sid"])


class AssistantSteps:
    """Of one call, one after another. What is refused is shown, and the call goes on without it."""

    def __init__(self, http: aiohttp.ClientSession, door: Door, show: Show, conference_id: str) -> None:
        self._http, self._door, self._show = http, door, show
        self._path = f"/v1/conferences/{conference_id}/assistants"
        self._assistant = ""

    async def take(self, step: Step) -> None:
        """Do it now. Without an assistant, all but an invitation is left out."""
        do, words = step["do"], {"text": step["text"]}
        if do == "invite":
            answer = await self._ask("POST", "", {"prompt": step["text"]})
            self._assistant = str(answer.get("id", ""))
        elif self._assistant:
            method, path, body = {
                "prompt": ("POST", "/prompts", words),
                "say": ("POST", "/say", words),
                "stop": ("POST", "/stop", None),
                "dismiss": ("DELETE", "", None),
            }[do]
            await self._ask(method, f"/{self._assistant}{path}", body)

    async def _ask(self, method: str, path: str, body: dict[str, str] | None) -> dict[str, Any]:
        """The answer; empty when there is none."""
        url = f"{self._door.pages}{self._path}{path}"
        try:
            request = self._http.request(method, url, json=body, headers=self._door.headers, timeout=REQUEST_TIMEOUT)
            async with request as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
                if answer.ok:
                    return told
                self._show.trouble("assistant", str(told.get("detail", answer.status)))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._show.trouble("assistant", f"the service did not answer ({type(error).__name__})")
        return {}


def steps_of(call: dict[str, Any]) -> Sequence[Step]:
    """What a call asks of the assistant, in order of time."""
    return sorted(call.get("assistant", ()), key=lambda step: float(step["at"]))
