"""The sample receivers: they keep what is genuine, once, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from standardwebhooks import Webhook

from sidecar.adapters.clock import SystemClock
from sidecar.cli.children import free_ports
from sidecar.domain.events import encode
from sidecar.domain.sample_events import sample
from sidecar.wire.standard_webhooks import headers, new_secret
from tests.receivers import kept, receiving

OLD = 301  # seconds: older than anybody may trust


def event(name: str, text: str = "conference.ended") -> dict[str, object]:
    """As it travels."""
    made: dict[str, object] = json.loads(encode(sample(text, event_id=name, tenant="", timestamp=SystemClock().now())))
    return made


@pytest.mark.parametrize("name", ["receiver.py", "receiver.mjs"])
async def test_a_sample_receiver_keeps_each_genuine_event_once_also_over_its_own_death(
    name: str, tmp_path: Path
) -> None:
    secret, other, port, clock = new_secret(), new_secret(), free_ports(1), SystemClock()
    first, second, third = (event(f"evt_{n}") for n in range(3))
    batch = {"type": "utterance.batch", "data": [second, third]}

    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as http:

        async def send(
            message: object, changes: Mapping[str, str] | None = None, *, signer: str = secret, age_s: int = 0
        ) -> int:
            body = json.dumps(message, ensure_ascii=False).encode()
            signed = headers("msg_1", int(clock.now().timestamp()) - age_s, body, [other, signer])
            async with http.post(
                f"http://127.0.0.1:{port}/", data=body, headers={**signed, **(changes or {})}
            ) as answer:
                return answer.status

        async with receiving(name, tmp_path, port, secret):
            assert await send(first) == 204
            assert await send(first) == 204
            assert await send(third, signer=other) == 401
            assert await send(third, age_s=OLD) == 401
            assert await send(third, age_s=-OLD) == 401
            for mangled in ("", "v1,", "v1", "v1,ä", "v2,AAAA", "v1,AAAA v1,!"):
                assert await send(third, {"webhook-signature": mangled}) == 401, mangled
            assert await send(third, {"webhook-id": "msg_2"}) == 401
            assert await send(third, {"webhook-timestamp": "now"}) == 401
        async with receiving(name, tmp_path, port, secret):
            assert await send(first) == 204
            assert await send(batch) == 204
            assert await send(second) == 204
    assert kept(tmp_path) == [first, second, third]


def test_what_the_receivers_expect_is_what_the_standard_s_own_library_signs() -> None:
    """The signatures above are made by the service's own code; here that is held to somebody else's."""
    secret, now = new_secret(), SystemClock().now()
    signed = headers("msg_1", int(now.timestamp()), b'{"a":1}', [secret])
    assert Webhook(secret).sign("msg_1", now, '{"a":1}') == signed["webhook-signature"]
