"""The sample receivers: they keep what is genuine, once, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from standardwebhooks import Webhook

from sidecar.adapters.clock import SystemClock
from sidecar.cli.children import free_ports
from sidecar.domain.events import encode
from sidecar.domain.webhooks.sample_events import sample
from sidecar.server.pages.settings.webhooks_view import SNIPPETS
from sidecar.server.webhook_request import as_curl
from sidecar.wire.standard_webhooks import headers, new_secret
from tests.receivers import command_of, kept, receiving

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


@pytest.mark.parametrize("genuine", [True, False])
async def test_the_lines_that_verify_on_the_page_and_in_the_settings_do(genuine: bool, tmp_path: Path) -> None:
    """Those for Python and Node, as they stand there."""
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    secret, body = new_secret(), b'{"type":"conference.ended","data":{}}'
    signed = headers("msg_1", int(SystemClock().now().timestamp()), body, [secret if genuine else new_secret()])
    settings = dict(SNIPPETS)
    for snippet in (re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0], settings["Python"]):
        program = (
            f"import os\nfrom types import SimpleNamespace\nbody = {body!r}\n"
            f"request = SimpleNamespace(headers={signed!r})\n{snippet}\nassert message['type'] == 'conference.ended'\n"
        )
        assert (await ran([sys.executable, "-c", program], secret) == 0) is genuine
    node = command_of("receiver.mjs")[0]
    for snippet, verdict in (
        (re.findall(r"```js\n(.*?)```", page, flags=re.DOTALL)[0], "isGenuine(headers, body)"),
        ('import { createHmac, timingSafeEqual } from "node:crypto";\n' + settings["Node"], "ours"),
    ):
        file = tmp_path / "verify.mjs"
        given = f"const headers = {json.dumps(signed)};\nconst body = {json.dumps(body.decode())};\n"
        file.write_text(f"{given}{snippet}\nprocess.exit({verdict} ? 0 : 1);\n")
        assert (await ran([node, str(file)], secret) == 0) is genuine


async def test_a_delivery_as_curl_is_taken_by_a_receiver(tmp_path: Path) -> None:
    """With quotes, backslashes, percent signs and letters beyond ASCII in it."""
    if not all(map(shutil.which, ("curl", "openssl"))):
        pytest.skip("optional: curl or openssl is not on PATH")
    secret, port = new_secret(), free_ports(1)
    told = event("evt_1") | {"data": {"reason": 'it\'s "50 %s" \\n $HOME `id` — ü'}}
    async with receiving("receiver.py", tmp_path, port, secret):
        lines = as_curl(f"http://127.0.0.1:{port}/", "evt_1", json.dumps(told, ensure_ascii=False))
        assert await ran(["sh", "-c", lines.replace("curl ", "curl --fail ")], secret) == 0
        assert await ran(["sh", "-c", lines.replace("curl ", "curl --fail ")], new_secret()) != 0
    assert kept(tmp_path) == [told]


async def ran(command: list[str], secret: str) -> int:
    """How a program ended that knows the secret."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "WEBHOOK_SECRET": secret},  # noqa: TID251
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


def test_what_the_receivers_expect_is_what_the_standard_s_own_library_signs() -> None:
    """The signatures above are made by the service's own code; here that is held to somebody else's."""
    secret, now = new_secret(), SystemClock().now()
    signed = headers("msg_1", int(now.timestamp()), b'{"a":1}', [secret])
    assert Webhook(secret).sign("msg_1", now, '{"a":1}') == signed["webhook-signature"]
