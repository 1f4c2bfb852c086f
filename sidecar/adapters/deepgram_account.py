"""Deepgram's SDK: the client that listening and speaking share."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment


@dataclass(frozen=True)
class DeepgramAccount:
    """Where and as whom. ``base_url``: http or https, without a path; Deepgram's own, a regional or a local one."""

    api_key: str = field(repr=False)
    base_url: str = "https://api.deepgram.com"


def client_of(account: DeepgramAccount, http: httpx.AsyncClient | None = None) -> AsyncDeepgramClient:
    """A client for HTTP and WebSockets. ``http``: for its requests, with the caller's time limits; he closes it."""
    websocket_url = "ws" + account.base_url.removeprefix("http")
    return AsyncDeepgramClient(
        api_key=account.api_key,
        httpx_client=http,
        # All four are required; `base` is for HTTP, `production` for listening.
        environment=DeepgramClientEnvironment(
            base=account.base_url, production=websocket_url, agent=websocket_url, agent_rest=account.base_url
        ),
    )
