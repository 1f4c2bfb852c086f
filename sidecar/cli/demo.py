"""``sidecar demo``: a small Twilio and the service on this machine, and a call between them. No account, no key."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from sidecar.cli.children import Child, ChildFailed, free_port, is_free, running
from sidecar.cli.feed import durable_events
from sidecar.cli.sample_call import read_scenario, sample_call, wav_call
from sidecar.domain.errors import SidecarError

CONTROL_TIMEOUT = aiohttp.ClientTimeout(total=15)
CONFERENCE_TIMEOUT_S = 20.0
# The sample call starts again this long after its end.
PAUSE_BETWEEN_CALLS_S = 5.0
# A service that does not even start is tried again after this long.
RESTART_PAUSE_S = 3.0


class DemoFailed(SidecarError):
    """The emulated call could not be placed or did not come through."""

    code = "demo_failed"


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play one call, print its transcript, exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: print one JSON document.")] = False,
    wav: Annotated[
        list[str] | None, typer.Option(help="LABEL=FILE: a participant who speaks this recording. Repeat it.")
    ] = None,
    scenario: Annotated[Path | None, typer.Option(help="A scenario file (TOML) instead of the sample call.")] = None,
    port: Annotated[int, typer.Option(help="Port of the pages; the emulator takes the next one.")] = 8080,
) -> None:
    """Show a call being transcribed. Example: sidecar demo --once --wav agent=A.wav --wav customer=B.wav"""
    if wav and scenario:
        raise DemoFailed("--wav and --scenario exclude each other.", next_step="Give one of them.")
    if as_json and not once:
        raise DemoFailed("--json prints a finished transcript.", next_step="Use it with --once.")
    call = wav_call(wav) if wav else read_scenario(scenario) if scenario else None
    ports = (free_port(), free_port()) if once else (port, port + 1)
    for number in ports:
        if not is_free(number):
            raise DemoFailed(f"Port {number} is in use.", next_step="Choose others with: sidecar demo --port 8090")
    try:
        asyncio.run(_demo(call, ports, once=once, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped.", file=sys.stderr)


async def _demo(call: dict[str, Any] | None, ports: tuple[int, int], *, once: bool, as_json: bool) -> None:
    main_task = asyncio.current_task()
    assert main_task is not None  # noqa: S101 - asyncio.run made it
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main_task.cancel)
    with tempfile.TemporaryDirectory(prefix="sidecar-demo-") as folder:
        call = call or sample_call(Path(folder))
        emulator, service = _children(Path(folder), ports)
        show = Show(quiet=once)
        async with running(emulator, service), aiohttp.ClientSession() as http:
            show.tick("emulator", f"a small Twilio on port {ports[1]}")
            show.tick("service", f"pid {service.pid}, pages on port {ports[0]}")
            stage = Stage(http, f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}", call, show)
            if once:
                conference_id, _ = await stage.play()
                print(await stage.export(conference_id, "json" if as_json else "txt"), end="")
                return
            show.tick("database", f"{_database_url(Path(folder))} until Ctrl-C")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_keep_alive(service, show), name="keep-service-alive")
                tasks.create_task(stage.play_for_ever(), name="calls")


def _children(folder: Path, ports: tuple[int, int]) -> tuple[Child, Child]:
    account, token = f"AC{secrets.token_hex(16)}", secrets.token_hex(16)
    pages, twilio = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    secret = {"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token}
    emulator = Child(
        "emulator", ["emulate", "--port", str(ports[1])],
        health_url=f"{twilio}/control/health", log_file=folder / "emulator.log", env=secret,
    )  # fmt: skip
    service = Child(
        "service", ["serve", "--port", str(ports[0])],
        health_url=f"{pages}/healthz", log_file=folder / "service.log",
        env=secret | {
            "TWILIO_API_BASE_URL": twilio, "TWILIO_API_KEY": "", "SIDECAR_PUBLIC_URL": pages,
            "SIDECAR_HOST": "127.0.0.1", "SIDECAR_DATABASE_URL": _database_url(folder),
        },
    )  # fmt: skip
    return emulator, service


def _database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'sidecar.sqlite3'}"


class Show:
    """What the demo tells its user: few lines, on stderr when stdout carries a transcript."""

    def __init__(self, *, quiet: bool) -> None:
        self._out = sys.stderr if quiet else sys.stdout
        self._mark = "✓" if (self._out.encoding or "").lower().startswith("utf") else "+"

    def tick(self, what: str, detail: str) -> None:
        """One more thing works."""
        self.line(f"  {self._mark} {what:<9} {detail}")

    def line(self, text: str) -> None:
        """A plain line."""
        print(text, file=self._out, flush=True)


class Stage:
    """Places the emulated call again and again and follows what the service makes of it."""

    def __init__(self, http: aiohttp.ClientSession, pages: str, twilio: str, call: dict[str, Any], show: Show) -> None:
        self._http = http
        self._pages = pages
        self._twilio = twilio
        self._call = call
        self._show = show

    async def play(self) -> tuple[str, int]:
        """One call, from the first ring to the complete transcript: the conference's id, and how many utterances."""
        room = f"demo-{secrets.token_hex(3)}"
        scenario_id = await self._place(room)
        conference_id = await self._conference(room, scenario_id)
        self._show.tick("call", f"live: {self._pages}/conferences/{conference_id}")
        utterances = 0
        async for event in durable_events(self._http, self._pages, conference_id):
            utterances += event["type"] == "utterance.final"
        return conference_id, utterances

    async def export(self, conference_id: str, form: str) -> str:
        """The transcript as the service writes it: ``txt``, ``json`` and so on."""
        url = f"{self._pages}/v1/conferences/{conference_id}/transcript.{form}"
        async with self._http.get(url, timeout=CONTROL_TIMEOUT) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def play_for_ever(self) -> None:
        """Call after call until somebody stops the demo."""
        self._show.line(
            "\n  Ctrl-C stops. Next: your own recordings (sidecar demo --wav agent=A.wav --wav customer=B.wav).\n"
        )
        while True:
            _, utterances = await self.play()
            self._show.tick("call", f"over: {utterances} utterances; the next one starts in a moment")
            await asyncio.sleep(PAUSE_BETWEEN_CALLS_S)

    async def _place(self, room: str) -> str:
        body = self._call | {"room": room, "voice_url": f"{self._pages}/twilio/voice"}
        async with self._http.post(f"{self._twilio}/control/scenarios", json=body, timeout=CONTROL_TIMEOUT) as answer:
            told = await answer.json()
            if answer.status != 201:
                raise DemoFailed(str(told.get("error", told)))
            return str(told["id"])

    async def _conference(self, room: str, scenario_id: str) -> str:
        """The service's id of the conference in that room, as soon as the first call asked for its TwiML."""
        async with asyncio.timeout(CONFERENCE_TIMEOUT_S):
            while True:
                found = await self._get(f"{self._pages}/v1/conferences?room={room}")
                if found["data"]:
                    return str(found["data"][0]["id"])
                scenario = await self._get(f"{self._twilio}/control/scenarios/{scenario_id}")
                if scenario["state"] == "failed":
                    raise DemoFailed(f"The emulated call failed: {scenario['error']}.")
                await asyncio.sleep(0.1)

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._http.get(url, timeout=CONTROL_TIMEOUT) as answer:
            answer.raise_for_status()
            body: dict[str, Any] = await answer.json()
            return body


async def _keep_alive(service: Child, show: Show) -> None:
    """Start the service again whenever it dies, and say its new pid."""
    while True:
        status = await service.died()
        show.line(f"  ! service   died ({status}); starting it again")
        try:
            await service.start()
        except ChildFailed as error:
            show.line(str(error))
            await asyncio.sleep(RESTART_PAUSE_S)
            continue
        show.tick("service", f"pid {service.pid}")
