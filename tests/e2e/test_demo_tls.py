"""The demo over https: each process trusts the other's certificate, and nobody else has a reason to."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.e2e.demo import recording, running_demo

pytestmark = pytest.mark.timeout(240)


async def test_webhooks_media_and_rest_run_over_tls_with_the_demos_own_certificate() -> None:
    """The call is forked (https and wss to the service); a lost stream is asked for by REST (https to the emulator)."""
    wav = recording("two_cities.wav")
    async with running_demo("--tls", "--host", "127.0.0.1", "--wav", f"agent={wav}") as demo:
        assert (await demo.line(r"live: (\S+)"))[1].startswith(demo.base.replace("http:", "https:"))
        phone = demo.twilio.replace("http:", "https:")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http, asyncio.timeout(60):

            async def streams(status: str) -> list[dict[str, Any]]:
                async with http.get(f"{phone}/control/state") as answer:
                    return [one for one in (await answer.json())["streams"] if one["status"] == status]

            while len(lost := await streams("live")) < 2:
                await asyncio.sleep(0.1)
            async with http.post(f"{phone}/control/streams/{lost[0]['sid']}/cut") as cut:
                assert cut.status == 204
            while not [one for one in await streams("live") if one["sid"] not in {each["sid"] for each in lost}]:
                await asyncio.sleep(0.1)
        async with aiohttp.ClientSession() as stranger:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await stranger.get(f"{phone}/softphone")
        await demo.line(r"softphone +https://127\.0\.0\.1:\d+/softphone")
