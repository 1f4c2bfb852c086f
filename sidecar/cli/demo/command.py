"""``sidecar demo``: a small Twilio and the service on this machine, and calls between them. No account, no key."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from sidecar.cli.children import Child, ChildFailed, free_ports, is_free, running
from sidecar.cli.demo.assistant_steps import create_application
from sidecar.cli.demo.certificate import make_certificate, names_of_this_machine
from sidecar.cli.demo.door import make_door
from sidecar.cli.demo.place import EVERY_ADDRESS, Place
from sidecar.cli.demo.sample_call import read_scenario, sample_calls, short_call, wav_call
from sidecar.cli.demo.show import Show, ssh_command
from sidecar.cli.demo.stage import Cue, DemoFailed, Lane, Stage
from sidecar.config import load
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.emulator.exchange import CALLED_NUMBER
from sidecar.emulator.state import Account
from sidecar.speech.moonshine import check_local_speech

LOOPBACK = "127.0.0.1"
# A service that does not even start is tried again after this long.
RESTART_PAUSE_S = 3.0


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Play one call, print its transcript, exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: print one JSON document.")] = False,
    wav: Annotated[
        list[str] | None, typer.Option(help="LABEL=FILE: a participant who speaks this recording. Repeat it.")
    ] = None,
    scenario: Annotated[Path | None, typer.Option(help="A scenario file (TOML) instead of the sample calls.")] = None,
    port: Annotated[int, typer.Option(help="Port of the pages; the emulator takes the next one.")] = 8080,
    tls: Annotated[
        bool, typer.Option("--tls", help="https with a certificate of its own, for browsers on other machines.")
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: this machine only; with --tls: all addresses.")
    ] = None,
) -> None:
    """Show a call being transcribed. Example: sidecar demo --once --wav agent=A.wav --wav customer=B.wav"""
    if wav and scenario:
        raise DemoFailed("--wav and --scenario exclude each other.", next_step="Give one of them.")
    if as_json and not once:
        raise DemoFailed("--json prints a finished transcript.", next_step="Use it with --once.")
    lanes = _programme(wav, scenario, once=once)
    first = free_ports(2) if once else port
    ports = (first, first + 1)
    for number in ports:
        if not is_free(number):
            raise DemoFailed(f"Port {number} is in use.", next_step="Choose others with: sidecar demo --port 8090")
    try:
        listen_on = host or (EVERY_ADDRESS if tls else LOOPBACK)
        asyncio.run(_demo(lanes, listen_on, ports, tls=tls, once=once, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped.", file=sys.stderr)


def _programme(wav: list[str] | None, scenario: Path | None, *, once: bool) -> tuple[Lane, ...]:
    """What is played: the user's call, or the sample calls; of these only the short one when somebody waits for it."""
    if wav or scenario:
        return ((Cue(wav_call(wav) if wav else read_scenario(scenario or Path())),),)
    return ((Cue(short_call()),),) if once else sample_calls()


async def _demo(
    lanes: tuple[Lane, ...], host: str, ports: tuple[int, int], *, tls: bool, once: bool, as_json: bool
) -> None:
    main_task = asyncio.current_task()
    assert main_task is not None  # noqa: S101 - asyncio.run made it
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job begins with it ignored
        asyncio.get_running_loop().add_signal_handler(number, main_task.cancel)
    with tempfile.TemporaryDirectory(prefix="sidecar-demo-") as folder:
        names = names_of_this_machine()
        certificate = make_certificate(Path(folder), [*names, host]) if tls else None
        place = Place(host=host, ports=ports, certificate=certificate, names=names)
        account = Account(f"AC{secrets.token_hex(16)}", secrets.token_hex(16))
        emulator = _emulator(Path(folder), place, account)
        show = Show(quiet=once)
        show.tick("install", f"conference-sidecar {version('conference-sidecar')}, Python {platform.python_version()}")
        _show_model(show)
        door = await make_door(_database_url(Path(folder)), place.pages)
        connector = aiohttp.TCPConnector(ssl=place.tls)
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            await stack.enter_async_context(running(emulator))
            show.tick("emulator", f"a small Twilio on port {ports[1]}")
            application = await create_application(
                http, place.phone, account_sid=account.sid, auth_token=account.auth_token, pages=place.pages
            )
            service = _service(Path(folder), place, account, application)
            await stack.enter_async_context(running(service))
            show.tick("service", f"pages on port {ports[0]}, pid {service.pid}")
            stage = Stage(http, door, place.phone, show)
            if once:
                conference_id = await stage.play(lanes[0][0], stage.show_live)
                print(await stage.export(conference_id, "json" if as_json else "txt"), end="")
                return
            ssh = ssh_command(os.environ, *ports)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_keep_alive(service, show), name="keep-service-alive")
                elsewhere = [*place.outside(door.link("/")), *place.outside(f"{place.phone}/softphone")]

                def tell(page: str) -> None:
                    wallboard, call = door.link("/"), door.link(page)
                    show.addresses(
                        wallboard, call, phone=place.phone, key=door.key, database=_database_url(Path(folder)),
                        ssh=ssh, elsewhere=elsewhere,
                    )  # fmt: skip

                calls = stage.play_for_ever(lanes, tell)
                tasks.create_task(calls, name="calls")


def _show_model(show: Show) -> None:
    """Whether words can be read here; calls are played in either case, and then their gaps say why."""
    settings = load()
    try:
        check_local_speech(settings.language, settings.local_model)
    except RecogniserUnavailable as error:
        show.trouble("model", str(error))
    else:
        show.tick("model", f"{settings.local_model or 'moonshine tiny'}, English, on this machine")


def _emulator(folder: Path, place: Place, account: Account) -> Child:
    certificate = place.certificate
    shown = ["--tls-certificate", str(certificate.file), "--tls-key", str(certificate.key)] if certificate else []
    (port, phone_port), host = place.ports, place.host
    return Child(
        "emulator", ["emulate", "--host", host, "--port", str(phone_port), "--pages-port", str(port), *shown],
        health_url=f"{place.phone}/control/health", log_file=folder / "emulator.log",
        env=_known_to_both(place, account), tls=place.tls,
    )  # fmt: skip


def _service(folder: Path, place: Place, account: Account, application: str) -> Child:
    """``application``: the TwiML application by which the assistant joins."""
    (port, phone_port), certificate, host = place.ports, place.certificate, place.host
    own = {
        "TWILIO_API_BASE_URL": place.phone, "TWILIO_API_KEY": "", "TWILIO_TWIML_APP_SID": application,
        "TWILIO_FROM": CALLED_NUMBER, "SIDECAR_PUBLIC_URL": place.pages, "SIDECAR_HOST": host,
        "SIDECAR_DATABASE_URL": _database_url(folder), "SIDECAR_PHONE_PORT": str(phone_port),
        "SIDECAR_STYLEGUIDE": "true",
        "SIDECAR_TLS_CERTIFICATE": str(certificate.file) if certificate else "",
        "SIDECAR_TLS_KEY": str(certificate.key) if certificate else "",
        # What is said leaves this machine for the assistant's model only, and only with a key or an address of one.
        "SIDECAR_STT": os.environ.get("SIDECAR_STT", "local"),
        "SIDECAR_VOICE": os.environ.get("SIDECAR_VOICE", "local"),
    }  # fmt: skip
    if host == LOOPBACK:  # receivers on this machine, for whoever has the key, which is printed here only
        own |= {"SIDECAR_WEBHOOK_ALLOW_NETS": "127.0.0.0/8", "SIDECAR_WEBHOOK_ALLOW_HTTP": "true"}
    return Child(
        "service", ["serve", "--port", str(port)], health_url=f"{place.pages}/healthz",
        log_file=folder / "service.log", env=_known_to_both(place, account) | own, tls=place.tls,
    )  # fmt: skip


def _known_to_both(place: Place, account: Account) -> dict[str, str]:
    known = {"TWILIO_ACCOUNT_SID": account.sid, "TWILIO_AUTH_TOKEN": account.auth_token}
    if place.certificate is not None:
        # Read by OpenSSL: each of the two has to trust the other's certificate.
        known["SSL_CERT_FILE"] = str(place.certificate.trusted)
    return known


def _database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'sidecar.sqlite3'}"


async def _keep_alive(service: Child, show: Show) -> None:
    """Start the service again whenever it dies, and say its new pid."""
    while True:
        status = await service.died()
        show.trouble("service", f"died ({status}); starting it again")
        try:
            await service.start()
        except ChildFailed as error:
            show.line(str(error))
            await asyncio.sleep(RESTART_PAUSE_S)
            continue
        show.tick("service", f"pid {service.pid}")
