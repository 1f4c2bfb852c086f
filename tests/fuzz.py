"""Fuzzing the API with schemathesis: everything that ``docs/openapi.yaml`` allows, and much that it does not.

``make fuzz`` runs this against a service in this process. A finding is an answer that is not as the document says, to
schemathesis or to the eye of ``tests.contract``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from sidecar.server.app_keys import DIRECTORY
from tests import fuzz_hooks
from tests.callers import BEARER
from tests.contract import NOBODY_DESCRIBED
from tests.fakes import ScriptedRecogniser
from tests.openapi import PATH
from tests.service import Service, running_service

# The examples of the document name these; so they are what a fuzzer finds something of.
CONFERENCE, AGENT = "CF00000000000000000000000000000001", "CA00000000000000000000000000000001"
# A stream does not end; tests/integration/stream reads it.
ENDLESS = "/v1/stream"
# Who made up an id gets 404 whatever the rest of the request, and whoever asks for what the present state forbids 409.
# Wrong keys are answered 429 after some, which has tests of its own.
NOT_HERE = ("positive_data_acceptance", "negative_data_rejection", "ignored_auth")
# What there is to be found besides: where it is made, what its id is called in addresses, the body.
MADE = (
    ("/v1/webhook_endpoints", "endpoint", {"url": "https://crm.example.com/hooks"}),
    ("/v1/alert_rules", "rule", {"name": "Cancel", "when": {"kind": "phrase", "phrases": ["cancel"]}}),
)
SECONDS = 240
# Only the last two phases end when their time is over; the others take as long as a busy machine needs for them.
STOP_TIMEOUT_S = 600.0


async def fuzz(service: Service, *, seconds: int, phases: str, examples: int, seed: int) -> tuple[bool, str]:
    """Whether nothing was found, and what schemathesis said."""
    await service.call(AGENT, room="support-1")
    [conference] = (await service.get("/v1/conferences"))["data"]
    await service.app[DIRECTORY].bind_conference(conference["id"], CONFERENCE)
    known = {"id": CONFERENCE, "participant": AGENT, "format": "json"}
    for path, name, wish in MADE:
        async with service.http.post(service.base + path, json=wish) as answer:
            assert answer.status == 201, await answer.text()
            known[name] = (await answer.json())["id"]
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", str(PATH), "--url", service.base,
        "--header", f"Authorization:{BEARER['Authorization']}", "--exclude-path", ENDLESS,
        "--exclude-checks", ",".join(NOT_HERE), "--phases", phases, "--max-examples", str(examples),
        "--max-time", str(seconds), "--seed", str(seed), "--generation-database", "none", "--no-color",
        "--continue-on-failure", "--no-shrink",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"SCHEMATHESIS_HOOKS": fuzz_hooks.__name__, fuzz_hooks.IDS: json.dumps(known)},  # noqa: TID251
    )
    try:
        async with asyncio.timeout(seconds + STOP_TIMEOUT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    # Names that nobody described are ignored, as they should be.
    service.contract.breaches = [one for one in service.contract.breaches if NOBODY_DESCRIBED not in one]
    return process.returncode == 0, said.decode()


async def main(seconds: int, seed: int) -> int:
    """Everything, for so long; 0 when nothing was found."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_service(Path(folder), ScriptedRecogniser(), rate_limit=0) as service:
            good, said = await fuzz(
                service, seconds=seconds, phases="examples,coverage,fuzzing,stateful", examples=200, seed=seed
            )
            sys.stdout.write(said)
    return 0 if good else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fuzz the API.")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.seconds, given.seed)))
