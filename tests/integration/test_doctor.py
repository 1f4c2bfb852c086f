"""``sidecar doctor`` and ``sidecar twilio setup`` with Twilio's own client, against the emulator and the service."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sidecar.cli.children import free_ports
from sidecar.cli.doctor import here as doctor_here
from sidecar.cli.doctor import public as doctor_public
from sidecar.cli.doctor import twilio as doctor_twilio
from sidecar.cli.doctor.command import examine
from sidecar.cli.twilio_setup import SetupRefused, account_numbers, set_up_assistant, set_up_number
from sidecar.config import Settings, load
from sidecar.domain.checkup import Check, Result
from sidecar.domain.number_wiring import Change, Number
from sidecar.emulator.app import create_app
from sidecar.emulator.state import Account
from tests.fakes import ScriptedRecogniser
from tests.service import TOKEN, running_service

ACCOUNT = Account("AC0f4be2a95d7c4318b6e2d0a97c5381fe", TOKEN)
ELSEWHERE = "https://crm.example/voice"


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    """An application on a free port; its address."""
    port = free_ports(1)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def twilio() -> AsyncIterator[str]:
    """The emulator's address."""
    async with serving(create_app(ACCOUNT)) as base:
        yield base


@pytest.fixture
async def settings(tmp_path: Path, twilio: str) -> AsyncIterator[Settings]:
    """Those of a service that runs."""
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        yield load(
            port=int(service.base.rpartition(":")[2]),
            public_url=service.base,
            database_url=f"sqlite:///{tmp_path}/sidecar.sqlite3",
            twilio_account_sid=ACCOUNT.sid,
            twilio_auth_token=TOKEN,
            twilio_api_base_url=twilio,
        )


async def look(settings: Settings, number: str = "") -> list[Check]:
    """What the doctor finds; each trouble has a cure of one line."""
    found = await examine(settings, number, 0)
    for check in found:
        assert "\n" not in check.detail + check.cure
        assert check.cure or check.result in {Result.OK, Result.SKIPPED}, check
    return found


def not_ok(checks: Iterable[Check]) -> dict[str, Result]:
    return {check.name: check.result for check in checks if check.result in {Result.WARN, Result.FAIL}}


def cure(checks: Iterable[Check], name: str) -> str:
    return next(check.cure for check in checks if check.name == name)


async def the_number(settings: Settings) -> Number:
    async with account_numbers(settings) as numbers:
        [number] = await numbers.all()
    return number


async def wire(settings: Settings, **fields: str) -> None:
    """Somebody sets fields of the number."""
    async with account_numbers(settings) as numbers:
        [number] = await numbers.all()
        await numbers.change(number, [Change(field, "", text, foreign=False) for field, text in fields.items()])


async def set_up(settings: Settings, number: str = "", *, dry_run: bool = False, force: bool = False) -> None:
    await set_up_number(settings, number, "support-1", dry_run=dry_run, force=force)


async def test_from_a_new_number_to_all_is_well(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run shows and changes nothing; then it is changed; a second time there is nothing to do."""
    before = await look(settings)
    assert not_ok(before) == {"number's voice URL": Result.FAIL, "number's status callback": Result.WARN}
    assert "sidecar twilio setup" in cure(before, "number's voice URL")
    fresh = await the_number(settings)
    await set_up(settings, dry_run=True)
    shown = capsys.readouterr().out
    voice_url = f"{settings.public_url}/twilio/voice?room=support-1"
    assert f"+ {voice_url}" in shown
    assert "Nothing was changed" in shown
    assert await the_number(settings) == fresh
    await set_up(settings)
    done = await the_number(settings)
    assert (done.wiring.voice_url, done.wiring.voice_method) == (voice_url, "POST")
    assert done.wiring.status_callback == f"{settings.public_url}/twilio/participant-events"
    capsys.readouterr()
    await set_up(settings, number=fresh.phone_number)
    assert "nothing to do" in capsys.readouterr().out
    checks = await look(settings)
    assert not_ok(checks) == {}
    assert [check.name for check in checks if check.result is Result.SKIPPED] == [
        "a call",
        "the way from Twilio's network",
    ]
    assert sum("real account" in check.detail for check in checks) <= 3


async def test_what_leads_elsewhere_is_replaced_only_by_force(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown first, whoever it belongs to; a TwiML application counts too."""
    await wire(settings, voice_url=ELSEWHERE, voice_method="GET")
    with pytest.raises(SetupRefused) as refused:
        await set_up(settings)
    assert refused.value.code == "number_in_use"
    assert f"- {ELSEWHERE}   (leads somewhere else; needs --force)" in capsys.readouterr().out
    assert (await the_number(settings)).wiring.voice_url == ELSEWHERE
    await set_up(settings, force=True)
    async with aiohttp.ClientSession(headers={"Authorization": aiohttp.encode_basic_auth(ACCOUNT.sid, TOKEN)}) as http:
        url = f"{settings.twilio_api_base_url}/2010-04-01/Accounts/{ACCOUNT.sid}/Applications.json"
        async with http.post(url, data={"FriendlyName": "ours", "VoiceUrl": ELSEWHERE}) as answer:
            application = (await answer.json())["sid"]
        await wire(settings, application_sid=application)
        checks = await look(settings)
        assert not_ok(checks) == {"number's TwiML app": Result.FAIL}
        assert ELSEWHERE in next(check.detail for check in checks if check.name == "number's TwiML app")
        with pytest.raises(SetupRefused):
            await set_up(settings)
        one = url.replace(".json", f"/{application}.json")
        async with http.post(one, data={"VoiceUrl": f"{settings.public_url}/twilio/voice"}) as answer:
            assert answer.status == 200
    assert not_ok(await look(settings)) == {}
    await set_up(settings, force=True)
    assert (await the_number(settings)).wiring.application_sid == ""
    assert not_ok(await look(settings)) == {}


async def test_the_assistant_s_application_is_made_found_and_pointed_here(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made once; what leads elsewhere only by force; the doctor says what is missing."""
    await set_up_assistant(settings, dry_run=True, force=False)
    await set_up_assistant(settings, dry_run=False, force=False)
    [sid] = set(re.findall(r"TWILIO_TWIML_APP_SID=(AP[0-9a-f]{32})", capsys.readouterr().out))
    known = settings.model_copy(update={"twilio_twiml_app_sid": sid, "assistant": "cascade"})
    assert not_ok(await look(known))["assistant's TwiML app"] is Result.FAIL
    known = known.model_copy(update={"twilio_from": "+12025550100"})
    assert "assistant's TwiML app" not in not_ok(await look(known))
    await set_up_assistant(known, dry_run=False, force=False)
    assert "nothing to do" in capsys.readouterr().out
    async with account_numbers(known) as account:
        await account.point_application(sid, ELSEWHERE)
    assert ELSEWHERE in next(one.detail for one in await look(known) if one.name == "assistant's TwiML app")
    with pytest.raises(SetupRefused):
        await set_up_assistant(known, dry_run=False, force=False)
    await set_up_assistant(known, dry_run=False, force=True)
    assert "assistant's TwiML app" not in not_ok(await look(known))


async def test_another_token_another_number_and_no_account_are_named(settings: Settings) -> None:
    """The service answers, but not to what this token signs."""
    wrong = settings.model_copy(update={"twilio_auth_token": type(settings.twilio_auth_token)("wrong")})
    checks = await look(wrong)
    assert not_ok(checks) == dict.fromkeys(("credentials", "WebSocket", "signatures"), Result.FAIL)
    assert "TWILIO_AUTH_TOKEN" in cure(checks, "credentials")
    assert "SIDECAR_PUBLIC_URL" in cure(checks, "signatures")
    assert "number" in not_ok(await look(settings, "+15550199"))
    with pytest.raises(SetupRefused) as refused:
        await set_up(settings, "+15550199")
    assert refused.value.code == "number_unclear"
    for sid in ("", "AC123"):
        checks = await look(settings.model_copy(update={"twilio_account_sid": sid}))
        assert not_ok(checks) == {"credentials": Result.FAIL}
    away = settings.model_copy(update={"twilio_api_base_url": f"http://127.0.0.1:{free_ports(1)}"})
    assert not_ok(await look(away)) == {"credentials": Result.FAIL}


async def test_rotation_both_tokens_have_to_be_taken(settings: Settings) -> None:
    """The service knows the new one only after its restart."""
    both = settings.model_copy(update={"twilio_auth_token": type(settings.twilio_auth_token)(f"{TOKEN},next")})
    checks = await look(both)
    assert not_ok([check for check in checks if check.group == "public address"]) == {"signatures": Result.FAIL}


def proxy(*, health: int = 200, upgrade: int = 400, events: int = 204) -> web.Application:
    """Something else than the service, at its address. ``upgrade`` 101: takes any."""
    app = web.Application()

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "instance": "another"}, status=health)

    async def media(request: web.Request) -> web.StreamResponse:
        if upgrade != 101:
            return web.Response(status=upgrade)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        await ws.receive()
        return ws

    async def stream_events(request: web.Request) -> web.Response:
        forged = request.headers["X-Twilio-Signature"] == doctor_public.FORGED["X-Twilio-Signature"]
        return web.Response(status=403 if forged and events == 204 else events)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/twilio/media", media)
    app.router.add_post("/twilio/stream-events", stream_events)
    return app


@pytest.mark.parametrize(
    ("between", "seen"),
    [
        ({"health": 302}, {"service": Result.FAIL}),
        ({"upgrade": 400}, {"service": Result.WARN, "WebSocket": Result.FAIL}),
        ({"upgrade": 101}, {"service": Result.WARN, "WebSocket": Result.FAIL}),
        (
            {"upgrade": 403, "events": 200},
            {"service": Result.WARN, "WebSocket": Result.FAIL, "signatures": Result.FAIL},
        ),
    ],
)
async def test_a_proxy_that_is_in_the_way_is_found(
    settings: Settings, between: dict[str, int], seen: dict[str, Result]
) -> None:
    """It redirects, passes no WebSockets, or is not our service at all."""
    async with serving(proxy(**between)) as base, aiohttp.ClientSession() as http:
        found = await doctor_public.checks(settings.model_copy(update={"public_url": base}), http)
    assert not_ok(found) == seen


async def test_an_address_without_tls_is_for_an_emulator_on_this_machine_only(settings: Settings) -> None:
    """Nothing answers either: what could not be looked at says so."""
    nowhere = f"http://127.0.0.1:{free_ports(1)}"
    real = settings.model_copy(update={"twilio_api_base_url": "", "public_url": nowhere})
    async with aiohttp.ClientSession() as http:
        found = await doctor_public.checks(real, http)
    assert [check.result for check in found] == [Result.FAIL, Result.FAIL, Result.SKIPPED, Result.SKIPPED]
    assert "It runs on this machine" in cure(found, "service")


@pytest.mark.parametrize(("status", "result"), [(200, Result.OK), (401, Result.FAIL), (404, Result.WARN)])
async def test_deepgram_is_asked_whether_it_knows_the_key(settings: Settings, status: int, result: Result) -> None:
    """An answer that says nothing is no green."""
    asked: list[str] = []

    async def token(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({}, status=status)

    app = web.Application()
    app.router.add_get("/v1/auth/token", token)
    async with serving(app) as base, aiohttp.ClientSession() as http:
        key = type(settings.deepgram_api_key)("a-key")
        with_key = settings.model_copy(update={"deepgram_api_key": key, "deepgram_base_url": base})
        checks = await doctor_here.checks(with_key, http)
        assert next(check.result for check in checks if check.name == "recogniser") == result
        assert asked == ["Token a-key"]
        gone = with_key.model_copy(update={"deepgram_base_url": f"http://127.0.0.1:{free_ports(1)}"})
        assert not_ok(await doctor_here.checks(gone, http)) == {"recogniser": Result.FAIL}


async def test_a_store_that_is_not_there_or_of_another_version_is_found_and_left_alone(
    settings: Settings, tmp_path: Path
) -> None:
    """The doctor changes nothing."""
    absent, old, rubbish = tmp_path / "absent.db", tmp_path / "old.db", tmp_path / "rubbish.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    rubbish.write_text("this is no database " * 100)
    async with aiohttp.ClientSession() as http:
        for file in (absent, old, rubbish):
            here = settings.model_copy(update={"database_url": f"sqlite:///{file}"})
            assert not_ok(await doctor_here.checks(here, http)) == {"store": Result.FAIL}
    assert not absent.exists()
    spanish = settings.model_copy(update={"language": "es"})
    async with aiohttp.ClientSession() as http:
        assert not_ok(await doctor_here.checks(spanish, http)) == {"recogniser": Result.FAIL}


async def test_a_clock_that_is_wrong_is_a_warning(settings: Settings) -> None:
    """Twilio's Date header is the reference."""

    async def yesterday(_: web.Request) -> web.Response:
        return web.Response(status=404, headers={"Date": "Mon, 01 Jan 2024 00:00:00 GMT"})

    app = web.Application()
    app.router.add_get("/", yesterday)
    async with serving(app) as base, aiohttp.ClientSession() as http:
        late = settings.model_copy(update={"twilio_api_base_url": base})
        assert (await doctor_twilio._clock(late, http)).result is Result.WARN
