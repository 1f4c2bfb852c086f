"""The service's API as commands ask it: by address and key, errors as one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from sidecar.adapters.webhook_http import failure_in_words
from sidecar.config import load
from sidecar.domain.errors import SidecarError

# An answer of the API, the slow ones too.
TIMEOUT_S = 45.0


class ServiceRefused(SidecarError):
    """The service could not be reached (``service_unreachable``), or said no, with a code of its own."""

    code = "service_unreachable"


@dataclass(frozen=True)
class ServiceClient:
    """``http`` carries the key; ``base``: the address without a slash at its end."""

    http: aiohttp.ClientSession
    base: str
    key: str

    async def get(self, path: str, **query: str) -> Any:
        """JSON of an address under ``/v1``. Raises ServiceRefused."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The same, of a POST."""
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            async with self.http.request(method, self.base + path, **more) as answer:
                body = await answer.json(content_type=None)
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise refused(body)
                return body
        except (aiohttp.ClientError, TimeoutError) as error:
            what = f"The service at {self.base} does not answer ({failure_in_words(error)})."
        except (ValueError, KeyError, TypeError):
            what = f"What answers at {self.base} is not this service."
        raise ServiceRefused(what, next_step="Start it (sidecar serve), or say where it is with --url.")


def refused(problem: Any) -> ServiceRefused:
    """What a problem of the API says. KeyError or TypeError for what is none."""
    return ServiceRefused(str(problem["detail"]), code=str(problem["code"]))


@asynccontextmanager
async def service_client(url: str | None, key: str | None) -> AsyncIterator[ServiceClient]:
    """``url``, ``key``: instead of the settings'. Raises ServiceRefused (api_key_missing) without a key."""
    settings = load(api_key=key)
    secret = settings.api_key.get_secret_value()
    if not secret:
        raise ServiceRefused(
            "There is no API key.",
            next_step="Make one with `sidecar keys create NAME`; set SIDECAR_API_KEY.",
            code="api_key_missing",
        )
    base = (url or settings.local_url).rstrip("/")
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {secret}"}) as http:
        yield ServiceClient(http, base, secret)
