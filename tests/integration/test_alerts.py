"""Alert rules and alerts over the real sockets: from the API to the event stream and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.domain.access.callers import Scope
from sidecar.ports.recogniser import FinalResult, SpeechStarted
from sidecar.server.app_keys import ACCOUNTS, AUDIT
from tests.callers import add_key
from tests.fakes import Script, ScriptedRecogniser
from tests.service import Service, media_frame, running_service, start_frame

CALL = "CA" + "c" * 32
WORDS: Script = [
    (100, SpeechStarted(segment=0, start_ms=0)),
    (400, FinalResult(segment=0, start_ms=0, end_ms=380, text="I want to cancel my order.")),
]
RULE = {"name": " Cancel ", "when": {"kind": "phrase", "phrases": ["cancel"]}, "only": {"roles": ["customer"]}}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(tmp_path, ScriptedRecogniser(WORDS)) as running:
        yield running


async def ask(service: Service, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    async with service.http.request(method, service.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def a_call(service: Service) -> str:
    """Somebody calls and says the words; the conference's id."""
    token = await service.call(CALL, label="customer")
    ws = await service.socket()
    await ws.send_str(start_frame(CALL, token))
    for n in range(30):
        await ws.send_str(media_frame(n))
    await service.until("utterance.final")
    await ws.close()
    return str((await service.get("/v1/conferences"))["data"][0]["id"])


async def the_alert(service: Service) -> dict[str, Any]:
    """The event of the first alert, as soon as it is told."""
    return next(event for event in await service.until("alert.raised") if event["type"] == "alert.raised")


async def test_a_rule_rings_and_somebody_takes_note_of_it(service: Service) -> None:
    status, rule = await ask(service, "POST", "/v1/alert_rules", RULE, **{"Idempotency-Key": "one"})
    assert (status, rule["name"], rule["when"]["phrases"], rule["lately"]["raised"]) == (201, "Cancel", ["cancel"], 0)
    again, same = await ask(service, "POST", "/v1/alert_rules", RULE, **{"Idempotency-Key": "one"})
    assert (again, same["id"]) == (201, rule["id"])
    conference = await a_call(service)
    raised = await the_alert(service)
    assert (raised["data"]["quote"], raised["data"]["rule"]) == ("cancel", rule["id"])
    path = f"/v1/conferences/{conference}/alerts"
    [alert] = (await service.get(path))["data"]
    assert alert["id"] == raised["data"]["alert"]
    assert (alert["seq"], alert["acknowledged_at"]) == (raised["seq"], None)
    for body in ({"note": "I call back"}, {"note": "too late"}):
        status, noted = await ask(service, "POST", f"{path}/{alert['id']}/acknowledge", body)
        assert (status, noted["acknowledged_by"], noted["note"]) == (200, "tests", "I call back")
    events = await service.events()
    assert [event["type"] for event in events].count("alert.acknowledged") == 1
    [listed] = (await service.get("/v1/alert_rules"))["data"]
    assert listed["lately"] == {"raised": 1, "acknowledged": 1}
    actions = [entry.action for entry in await service.app[AUDIT].entries("", limit=20)]
    assert {"alert_rule.created", "alert.acknowledged"} <= set(actions)


async def test_a_rule_is_tried_on_a_past_call_changed_and_deleted(service: Service) -> None:
    conference = await a_call(service)
    trial = {"conference": conference, "rule": RULE}
    status, tried = await ask(service, "POST", "/v1/alert_rules/test", trial)
    assert (status, [one["quote"] for one in tried["data"]]) == (200, ["cancel"])
    status, rule = await ask(service, "POST", "/v1/alert_rules", RULE)
    status, changed = await ask(
        service, "PATCH", f"/v1/alert_rules/{rule['id']}", {"enabled": False, "when": {"kind": "silence", "seconds": 9}}
    )
    assert (status, changed["code"]) == (422, "alert_rule_invalid")  # roles go with what somebody says
    status, changed = await ask(
        service, "PATCH", f"/v1/alert_rules/{rule['id']}", {"enabled": False, "only": {}, "when": {"kind": "silence"}}
    )
    assert (status, changed["enabled"], changed["when"]["seconds"]) == (200, False, 30)
    assert (await service.get(f"/v1/alert_rules/{rule['id']}"))["when"]["kind"] == "silence"
    status, tried = await ask(
        service, "POST", "/v1/alert_rules/test", {"conference": conference, "rule_id": rule["id"]}
    )
    assert (status, tried["data"]) == (200, [])
    assert (await ask(service, "DELETE", f"/v1/alert_rules/{rule['id']}"))[0] == 204
    assert (await ask(service, "GET", f"/v1/alert_rules/{rule['id']}"))[0] == 404
    assert await service.events() == [event for event in await service.events() if event["type"] != "alert.raised"]


INVALID: list[tuple[Any, str]] = [
    ({"name": "", "when": {"kind": "assistant"}}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "nothing"}}, "body_invalid"),
    ({"name": "x", "when": {"kind": "phrase", "phrases": []}}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "phrase", "phrases": ['"open']}}, "phrase_invalid"),
    ({"name": "x", "when": {"kind": "pattern", "pattern": "(?=a)"}}, "pattern_invalid"),
    ({"name": "x", "when": {"kind": "pattern", "pattern": "a*"}}, "pattern_invalid"),
    ({"name": "x", "when": {"kind": "silence", "seconds": 1}}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "overtalk", "seconds": 60, "window_s": 30}}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "silence"}, "only": {"roles": ["customer"]}}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "assistant"}, "cooldown_s": -1}, "alert_rule_invalid"),
    ({"name": "x", "when": {"kind": "assistant"}, "colour": "red"}, "body_invalid"),
]


async def test_a_rule_that_cannot_be_is_refused_with_what_is_wrong(service: Service) -> None:
    for body, code in INVALID:
        status, problem = await ask(service, "POST", "/v1/alert_rules", body)
        assert (body, status, problem["code"]) == (body, 422, code)
    assert (await service.get("/v1/alert_rules"))["data"] == []


async def test_the_templates_are_rules_that_can_be_made_as_they_are(service: Service) -> None:
    templates = (await service.get("/v1/alert_rules/templates"))["data"]
    assert len(templates) == 3
    for template in templates:
        assert (await ask(service, "POST", "/v1/alert_rules", template["rule"]))[0] == 201
    first = await service.get("/v1/alert_rules?limit=2")
    rest = await service.get(f"/v1/alert_rules?limit=2&after={first['next_cursor']}")
    names = [rule["name"] for rule in (*first["data"], *rest["data"])]
    assert names == [template["rule"]["name"] for template in templates]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_another_tenant_finds_neither_rules_nor_alerts_and_can_try_nothing_on_our_calls(service: Service) -> None:
    rule = (await ask(service, "POST", "/v1/alert_rules", RULE))[1]
    conference = await a_call(service)
    alert = (await the_alert(service))["data"]["alert"]
    await add_key(service.app[ACCOUNTS], secret="sck_theirs", name="theirs", tenant="acme")
    theirs = {"Authorization": "Bearer sck_theirs"}
    path = f"/v1/conferences/{conference}/alerts"
    for method, place, body in (
        ("GET", f"/v1/alert_rules/{rule['id']}", None), ("PATCH", f"/v1/alert_rules/{rule['id']}", {"enabled": False}),
        ("DELETE", f"/v1/alert_rules/{rule['id']}", None), ("GET", path, None),
        ("POST", f"{path}/{alert}/acknowledge", {}),
        ("POST", "/v1/alert_rules/test", {"conference": conference, "rule": RULE}),
        ("POST", "/v1/alert_rules/test", {"conference": conference, "rule_id": rule["id"]}),
    ):  # fmt: skip
        status, problem = await ask(service, method, place, body, **theirs)
        assert (place, status, problem["code"]) == (place, 404, "not_found")
    assert (await ask(service, "GET", "/v1/alert_rules", **theirs))[1]["data"] == []


async def test_a_key_that_manages_rules_cannot_read_transcripts_by_trials(service: Service) -> None:
    conference = await a_call(service)
    accounts = service.app[ACCOUNTS]
    await add_key(accounts, secret="sck_rules", name="rules", scopes=frozenset({Scope.ALERTS_MANAGE}))
    trial = {"conference": conference, "rule": RULE}
    status, problem = await ask(service, "POST", "/v1/alert_rules/test", trial, Authorization="Bearer sck_rules")
    assert (status, problem["code"]) == (403, "scope_missing")


async def test_rules_hold_over_a_restart_and_open_alerts_stay_open(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser(WORDS)) as service:
        await ask(service, "POST", "/v1/alert_rules", RULE)
        conference = await a_call(service)
        await service.until("alert.raised")
    async with running_service(tmp_path, ScriptedRecogniser(WORDS)) as service:
        await asyncio.sleep(0.2)
        alerts = (await service.get(f"/v1/conferences/{conference}/alerts"))["data"]
        assert [one["acknowledged_at"] for one in alerts] == [None]
        assert [event["type"] for event in await service.events()].count("alert.raised") == 1
