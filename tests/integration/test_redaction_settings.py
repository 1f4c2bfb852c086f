"""``/settings/redaction`` by plain forms, as a browser without scripts sends them; what is saved holds at once."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from sidecar.domain.access.callers import UserRole
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.server.app_keys import ACCOUNTS, AUDIT
from tests.callers import add_session, add_user
from tests.fakes import Script, ScriptedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

PATH = "/settings/redaction"
SAID = "my order is TK-123456, mail jane at example dot com, card 4111 1111 1111 1111"
Fields = Sequence[tuple[str, str]]


def fields(**changes: str) -> Fields:
    """The form as its page has it at first; ``kind``: switches, separated by commas."""
    values = {"kind": "card,ssn", "region": "US", "patterns": "", "retention_days": "0", "trial": ""} | changes
    kinds = [("kind", kind) for kind in values.pop("kind").split(",") if kind]
    return [*kinds, *values.items()]


async def send(service: Service, http: aiohttp.ClientSession, form: Fields) -> tuple[int, str]:
    """The page to which the form leads, as people read it."""
    origin = {"Origin": service.base}
    async with http.post(service.base + PATH, data=form, headers=origin) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, html.unescape(await answer.text())


async def test_what_an_administrator_saves_holds_for_the_next_words_and_after_a_restart(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        await add_session(service.app[ACCOUNTS], await add_user(service.app[ACCOUNTS], role=UserRole.ADMIN), "ana")
        cookie = {"Cookie": f"sidecar-{service.base.rpartition(':')[2]}=ana"}
        async with aiohttp.ClientSession(headers=cookie) as http:
            own = "ticket = TK-?\\d{6}\n\n"
            for wrong, says in [
                ({"region": "XX"}, "two letters"),
                ({"retention_days": "-1"}, "a number up to"),
                ({"retention_days": "²"}, "a number up to"),
                ({"patterns": "no equals sign"}, "Line 1"),
                ({"patterns": "x = (a"}, "form-error"),
                ({"patterns": "<b>x</b> = a"}, "letters, digits and blanks"),
            ]:
                status, page = await send(service, http, fields(**wrong))
                assert status == 422
                assert says in page
            status, page = await send(service, http, [*fields(kind="email", patterns=own, trial=SAID), ("do", "try")])
            assert "my order is [ticket], mail [email address], card 4111" in page
            assert "Found: ticket, email address" in page
            async with http.get(service.base + PATH) as answer:
                assert "TK-?" not in await answer.text(), "trying saves nothing"
            status, page = await send(
                service, http, [*fields(kind="email", patterns=own, retention_days="30"), ("do", "save")]
            )
            assert (status, "Saved." in page, "ticket = TK-?\\d{6}" in page) == (200, True, True)
        [entry, *_] = await service.app[AUDIT].entries("", limit=1)
        assert entry.action == "redaction.changed"
        assert entry.after == {"kinds": "email", "region": "US", "patterns": 1, "retention_days": 30}

    script: Script = [
        (100, SpeechStarted(segment=0, start_ms=0)),
        (400, FinalResult(segment=0, start_ms=0, end_ms=380, text=SAID)),
    ]
    async with running_service(tmp_path, ScriptedRecogniser(script)) as service:
        ws = await service.socket()
        await ws.send_str(start_frame("CA" + "c" * 32, await service.call("CA" + "c" * 32)))
        for n in range(30):
            await ws.send_str(media_frame(n))
        await ws.send_str('{"event":"stop","sequenceNumber":"999","stop":{}}')
        [line] = [e["data"]["text"] for e in await service.until("fork.stopped") if e["type"] == "utterance.final"]
    assert line == "my order is [ticket], mail [email address], card 4111 1111 1111 1111"


async def test_the_api_and_the_page_decide_the_same(tmp_path: Path) -> None:
    """Only what is named changes, what cannot be changes nothing, and a trial neither stores nor changes anything."""
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        at = f"{service.base}/v1/redaction"
        as_installed = {"kinds": ["card", "ssn"], "region": "US", "patterns": [], "retention_days": 0}
        assert await service.get("/v1/redaction") == as_installed
        ticket = {"label": "ticket", "pattern": r"TK-?\d{6}"}
        for wrong, code in [
            ({"region": "XX"}, "redaction_invalid"),
            ({"retention_days": -1}, "redaction_invalid"),
            ({"retention_days": 36_501}, "redaction_invalid"),
            ({"patterns": [{"label": "x", "pattern": "(a"}]}, "pattern_invalid"),
            ({"patterns": [{"label": "<b>", "pattern": "a"}]}, "pattern_invalid"),
            ({"patterns": [ticket] * 21}, "pattern_invalid"),
            ({"kinds": ["own"]}, "body_invalid"),
            ({"nonsense": 1}, "body_invalid"),
        ]:
            async with service.http.patch(at, json=wrong) as answer:
                assert (answer.status, (await answer.json())["code"]) == (422, code)
        async with service.http.post(
            f"{at}/test", json={"text": SAID, "kinds": ["email"], "patterns": [ticket]}
        ) as told:
            assert await told.json() == {
                "text": "my order is [ticket], mail [email address], card 4111 1111 1111 1111",
                "found": ["ticket", "email address"],
            }
        async with service.http.post(f"{at}/test", json={"text": SAID}) as told:
            assert (await told.json())["found"] == ["card number"]
        assert await service.get("/v1/redaction") == as_installed

        async with service.http.patch(at, json={"patterns": [ticket], "region": "de"}) as answer:
            decided = as_installed | {"patterns": [ticket], "region": "DE"}
            assert (answer.status, await answer.json()) == (200, decided)
        async with service.http.patch(at, json={"retention_days": 30}) as answer:
            assert await answer.json() == decided | {"retention_days": 30}
        assert await service.get("/v1/redaction") == decided | {"retention_days": 30}
        entries = await service.app[AUDIT].entries("", limit=9)
        [second, first] = [entry for entry in entries if entry.action == "redaction.changed"]
        assert (first.before or {})["patterns"] == 0
        assert (second.before, (second.after or {})["retention_days"]) == (first.after, 30)
