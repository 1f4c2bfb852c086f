"""``/v1/webhook_endpoints``: where events are told, by which secret, what became of it, and telling it again."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from sidecar.cli.children import free_ports
from sidecar.domain.access.callers import Scope
from sidecar.domain.webhooks.endpoints import DEFAULT_TYPES, ENDPOINTS_MOST
from sidecar.server.app_keys import ACCOUNTS, AUDIT
from tests.callers import add_key
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service
from tests.waiting import eventually

PATH = "/v1/webhook_endpoints"
# Where nobody listens, so that nothing leaves this machine.
URL = "https://127.0.0.1:20000/hooks"
CALL = "CA" + "a" * 32


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(tmp_path, ScriptedRecogniser(), webhook_allow_nets="127.0.0.0/8") as running:
        yield running


async def ask(
    service: Service, method: str, path: str, body: Any = None, *, key: str = "", again: str = ""
) -> tuple[int, Any]:
    """Status and body. ``key``: instead of the test's own; ``again``: an Idempotency-Key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers |= {"Idempotency-Key": again} if again else {}
    async with service.http.request(method, service.base + path, json=body, headers=headers) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def make(service: Service, **wish: Any) -> Any:
    status, endpoint = await ask(service, "POST", PATH, {"url": URL} | wish)
    assert status == 201, endpoint
    return endpoint


async def test_an_endpoint_is_made_shown_changed_paused_and_removed_and_its_secret_is_told_once(
    service: Service,
) -> None:
    made = await make(service, description="the CRM")
    secret, one = made.pop("secret"), f"{PATH}/{made['id']}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert made["secret_hint"] == f"whsec_…{secret[-4:]}"
    assert (made["state"], made["types"], made["url"]) == ("enabled", list(DEFAULT_TYPES), URL)
    assert made["deliveries_24h"] == {"delivered": 0, "failed": 0, "pending": 0}
    assert await ask(service, "GET", one) == (200, made)
    assert await ask(service, "GET", PATH) == (200, {"data": [made], "has_more": False, "next_cursor": None})

    status, changed = await ask(service, "PATCH", one, {"url": f"{URL}/2", "types": ["assistant.*"]})
    assert (status, changed["url"], changed["types"]) == (200, f"{URL}/2", ["assistant.*"])
    assert changed["description"] == "the CRM"
    assert (await ask(service, "POST", f"{one}/pause"))[1]["state"] == "paused"
    assert (await ask(service, "POST", f"{one}/resume"))[1]["state"] == "enabled"
    status, disabled = await ask(service, "PATCH", one, {"state": "disabled"})
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by_person")
    assert (await ask(service, "POST", f"{one}/test"))[1]["code"] == "endpoint_disabled"

    assert await ask(service, "DELETE", one) == (204, None)
    status, problem = await ask(service, "GET", one)
    assert (status, problem["code"]) == (404, "not_found")
    audited = await service.app[AUDIT].entries(tenant="", limit=50)
    actions = [entry.action for entry in audited if entry.target == made["id"]]
    assert sorted(set(actions)) == [
        "webhook_endpoint.changed", "webhook_endpoint.created", "webhook_endpoint.removed",
    ]  # fmt: skip
    assert secret not in repr(audited)


async def test_a_secret_is_rotated_with_an_overlap_and_the_old_one_can_be_ended(service: Service) -> None:
    made = await make(service)
    one = f"{PATH}/{made['id']}"
    before = datetime.now(UTC)  # noqa: TID251 - what is asked is a service with a real clock
    status, rotated = await ask(service, "POST", f"{one}/rotate_secret")
    assert (status, rotated["secret"] != made["secret"]) == (200, True)
    until = datetime.fromisoformat(rotated["old_secret_until"])
    assert 86_000 < (until - before).total_seconds() < 90_000
    status, ended = await ask(service, "POST", f"{one}/rotate_secret", {"expire_now": True})
    assert (status, ended["old_secret_until"], "secret" in ended) == (200, None, False)
    assert ended["secret_hint"] == rotated["secret_hint"]
    status, problem = await ask(service, "POST", f"{one}/rotate_secret", {"overlap_s": 700_000})
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "overlap_invalid", "#/overlap_s")


async def test_what_no_endpoint_can_be_is_refused_with_the_field_and_the_way_on(service: Service) -> None:
    refused: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"url": "http://crm.example.com/"}, "endpoint_url_invalid", "#/url"),
        ({"url": "https://ana:secret@crm.example.com/"}, "endpoint_url_invalid", "#/url"),
        ({"url": "javascript:alert(1)"}, "endpoint_url_invalid", "#/url"),
        ({"url": "https://10.0.0.1/"}, "endpoint_url_forbidden", "#/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "endpoint_url_forbidden", "#/url"),
        ({"url": "https://crm.example.com:25/"}, "endpoint_url_forbidden", "#/url"),
        ({"url": URL, "types": ["utterance.partial"]}, "event_type_unknown", "#/types"),
        ({"url": URL, "description": "x" * 201}, "description_invalid", "#/description"),
        ({"url": URL, "description": "a\nb"}, "description_invalid", "#/description"),
        ({"url": URL, "colour": "red"}, "body_invalid", "#/colour"),
        ({}, "body_invalid", "#/url"),
    )
    for wish, code, pointer in refused:
        status, problem = await ask(service, "POST", PATH, wish)
        assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, code, pointer), wish
        assert "secret@" not in problem["detail"]
    assert (await service.get(PATH))["data"] == []


async def test_a_tenant_has_so_many_endpoints_at_most(service: Service) -> None:
    for n in range(ENDPOINTS_MOST):
        await make(service, url=f"{URL}/{n}")
    status, problem = await ask(service, "POST", PATH, {"url": URL})
    assert (status, problem["code"]) == (409, "endpoints_full")


async def test_the_same_request_again_makes_no_second_endpoint_or_secret_and_its_answer_lies_sealed(
    service: Service, tmp_path: Path
) -> None:
    first = await ask(service, "POST", PATH, {"url": URL}, again="once")
    assert await ask(service, "POST", PATH, {"url": URL}, again="once") == first
    assert len((await service.get(PATH))["data"]) == 1
    rotate = f"{PATH}/{first[1]['id']}/rotate_secret"
    rotated = await ask(service, "POST", rotate, {}, again="rotate")
    assert await ask(service, "POST", rotate, {}, again="rotate") == rotated
    assert rotated[1]["secret"] != first[1]["secret"]
    with closing(sqlite3.connect(tmp_path / "sidecar.sqlite3")) as rows:
        kept = [body for (body,) in rows.execute("SELECT body FROM answers")]
    assert len(kept) == 2
    assert "whsec_" not in str(kept)
    status, problem = await ask(service, "POST", PATH, {"url": f"{URL}/2"}, again="once")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


async def test_a_test_event_stands_in_the_log_with_its_request(service: Service) -> None:
    made = await make(service, types=["transcript.completed"])
    log = f"{PATH}/{made['id']}/deliveries"
    status, delivery = await ask(service, "POST", f"{PATH}/{made['id']}/test", {"type": "assistant.left"})
    assert (status, delivery["type"], delivery["state"]) == (202, "assistant.left", "pending")
    [listed] = (await service.get(log))["data"]
    assert listed["id"] == delivery["id"]
    shown = await service.get(f"{log}/{delivery['id']}")
    assert (shown["request"]["method"], shown["request"]["url"]) == ("POST", URL)
    assert shown["request"]["headers"]["webhook-id"] == delivery["message"]
    assert '"type":"assistant.left"' in shown["request"]["body"]
    assert '"conference":"cnf_sample"' in shown["request"]["body"]
    status, problem = await ask(service, "POST", f"{PATH}/{made['id']}/test", {"type": "ping"})
    assert (status, problem["code"]) == (422, "event_type_unknown")


async def test_the_log_is_filtered_and_read_page_by_page(service: Service) -> None:
    made = await make(service)
    log = f"{PATH}/{made['id']}/deliveries"
    for type_ in ("conference.ended", "conference.started", "conference.ended"):
        await ask(service, "POST", f"{PATH}/{made['id']}/test", {"type": type_})
    first = await service.get(f"{log}?limit=2")
    assert [one["type"] for one in first["data"]] == ["conference.ended", "conference.started"]
    rest = await service.get(f"{log}?limit=2&after={first['next_cursor']}")
    assert ([one["type"] for one in rest["data"]], rest["has_more"]) == (["conference.ended"], False)
    assert len((await service.get(f"{log}?type=conference.ended"))["data"]) == 2
    assert len((await service.get(f"{log}?state=pending&state=failed"))["data"]) == 3
    assert (await service.get(f"{log}?state=delivered"))["data"] == []
    assert (await service.get(f"{log}?since=2999-01-01T00:00:00Z"))["data"] == []
    for wrong, code in (
        ("state=lost", "state_invalid"), ("since=now", "time_invalid"), ("since=2026-01-01T00:00:00", "time_invalid"),
        ("limit=0", "limit_invalid"), ("after=dlv_1", "cursor_invalid"),
    ):  # fmt: skip
        status, problem = await ask(service, "GET", f"{log}?{wrong}")
        assert (status, problem["code"]) == (400, code), wrong


async def test_a_range_of_a_call_is_told_again_with_the_same_ids_and_by_its_twilio_id(service: Service) -> None:
    sid = await in_progress(service)
    events = await service.until("conference.started")
    made = await make(service, types=["*"])
    again = f"{PATH}/{made['id']}/resend"
    wish = {"conference": sid, "from_seq": 1, "to_seq": len(events)}
    assert await ask(service, "POST", again, wish) == (202, {"resent": len(events)})
    assert await ask(service, "POST", again, wish) == (202, {"resent": len(events)})
    nothing_yet = {"failed_since": "2099-01-01T00:00:00Z"}  # nobody is there to take what was sent just now
    assert await ask(service, "POST", again, nothing_yet) == (202, {"resent": 0})
    delivery = (await ask(service, "POST", f"{PATH}/{made['id']}/test"))[1]["id"]
    status, one = await ask(service, "POST", again, {"delivery": delivery})
    assert (status, one["resent"], one["delivery"]["id"]) == (202, 1, delivery)
    for wrong, code in (
        ({}, "resend_invalid"),
        ({"delivery": delivery, "failed_since": "2026-01-01T00:00:00Z"}, "resend_invalid"),
        (wish | {"delivery": delivery}, "resend_invalid"),
        ({"conference": "CF1"}, "range_invalid"),
        (wish | {"from_seq": 0}, "range_invalid"),
        (wish | {"to_seq": 0}, "range_invalid"),
        (wish | {"to_seq": 2**63}, "range_invalid"),
        ({"failed_since": "2026-01-01T00:00:00"}, "time_invalid"),
    ):
        status, problem = await ask(service, "POST", again, wrong)
        assert (status, problem["code"]) == (422, code), wrong
    for missing in ({"delivery": "dlv_none"}, wish | {"conference": "CF" + "2" * 32}):
        status, problem = await ask(service, "POST", again, missing)
        assert (status, problem["code"]) == (404, "not_found")


async def test_what_a_receiver_answered_is_in_the_log_and_what_is_sent_again_is_the_same_message(
    tmp_path: Path,
) -> None:
    """Signed by both secrets while one is being rotated; the first kilobyte of each answer is kept."""
    port, got = free_ports(1), list[tuple[dict[str, str], bytes]]()

    async def receive(request: web.Request) -> web.Response:
        got.append((dict(request.headers), await request.read()))
        return web.Response(status=503, text="x" * 2000) if len(got) == 1 else web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hooks", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    local = running_service(tmp_path, ScriptedRecogniser(), webhook_allow_nets="127.0.0.0/8", webhook_allow_http="true")
    try:
        async with local as service:
            made = await make(service, url=f"http://127.0.0.1:{port}/hooks", types=["*"])
            one = f"{PATH}/{made['id']}"
            rotated = (await ask(service, "POST", f"{one}/rotate_secret"))[1]["secret"]
            _, delivery = await ask(service, "POST", f"{one}/test", {"type": "conference.ended"})
            place = f"{one}/deliveries/{delivery['id']}"
            await until(service, place, lambda shown: len(shown["attempts"]) == 1)
            shown = await service.get(place)
            assert (shown["state"], shown["last_attempt"]["status"]) == ("pending", 503)
            assert shown["attempts"][0]["response"] == "x" * 1024
            assert (await ask(service, "POST", f"{one}/resend", {"delivery": delivery["id"]}))[0] == 202
            shown = await until(service, place, lambda shown: shown["state"] == "delivered")
            assert [(each["number"], each["outcome"]) for each in shown["attempts"]] == [
                (1, "refused"), (2, "delivered"),
            ]  # fmt: skip
            assert (await service.get(one))["deliveries_24h"] == {"delivered": 1, "failed": 0, "pending": 0}
            for headers, body in got:
                assert headers["webhook-id"] == delivery["message"]
                for secret in (made["secret"], rotated):
                    assert Webhook(secret).verify(body, headers)["type"] == "conference.ended"
                assert body.decode() == shown["request"]["body"]
                assert {"content-type", "user-agent"} <= {name.lower() for name in headers}
            await in_progress(service)
            events = await service.until("conference.started")
            wish = {"conference": events[0]["conference"], "from_seq": 1, "to_seq": len(events)}

            def least() -> int:
                """How often the event came that came least."""
                came = Counter(headers["webhook-id"] for headers, _ in got)
                return min(came[event["id"]] for event in events)

            await eventually(lambda: least() == 1)
            assert await ask(service, "POST", f"{one}/resend", wish) == (202, {"resent": len(events)})
            await eventually(lambda: least() == 2)
    finally:
        await runner.cleanup()


async def until(service: Service, path: str, reached: Callable[[Any], bool]) -> Any:
    """The answer, as soon as it is like that."""
    async with asyncio.timeout(20):
        while not reached(answer := await service.get(path)):
            await asyncio.sleep(0.05)
    return answer


async def in_progress(service: Service) -> str:
    """A call is in its room, which is in progress. Twilio's id of it."""
    await service.call(CALL)
    told = {"ConferenceSid": "CF" + "1" * 32, "FriendlyName": "support", "CallSid": CALL, "SequenceNumber": "1"}
    for event in ("participant-join", "conference-start"):
        await service.post("/twilio/conference-events", told | {"StatusCallbackEvent": event})
    return told["ConferenceSid"]


async def test_another_tenant_and_another_endpoint_have_none_of_it(service: Service) -> None:
    mine, other = await make(service), await make(service, url=f"{URL}/other")
    _, delivery = await ask(service, "POST", f"{PATH}/{mine['id']}/test")
    status, _ = await ask(service, "GET", f"{PATH}/{other['id']}/deliveries/{delivery['id']}")
    assert status == 404
    status, _ = await ask(service, "POST", f"{PATH}/{other['id']}/resend", {"delivery": delivery["id"]})
    assert status == 404

    hooks = frozenset({Scope.WEBHOOKS_MANAGE})
    await add_key(service.app[ACCOUNTS], secret="sck_theirs", name="theirs", scopes=hooks, tenant="theirs")
    one = f"{PATH}/{mine['id']}"
    assert (await ask(service, "GET", PATH, key="sck_theirs"))[1]["data"] == []
    for method, path, body in (
        ("GET", one, None), ("PATCH", one, {"description": "x"}), ("DELETE", one, None), ("POST", f"{one}/test", None),
        ("POST", f"{one}/pause", None), ("POST", f"{one}/resume", None), ("POST", f"{one}/rotate_secret", None),
        ("POST", f"{one}/rotate_secret", {"expire_now": True}), ("GET", f"{one}/deliveries", None),
        ("GET", f"{one}/deliveries/{delivery['id']}", None), ("POST", f"{one}/resend", {"delivery": delivery["id"]}),
        ("POST", f"{one}/resend", {"failed_since": "2026-01-01T00:00:00Z"}),
    ):  # fmt: skip
        status, problem = await ask(service, method, path, body, key="sck_theirs")
        assert (status, problem["code"]) == (404, "not_found"), (method, path)
    assert (await ask(service, "GET", one))[1]["state"] == "enabled"


async def test_a_key_without_the_scope_may_not_look(service: Service) -> None:
    scopes = frozenset(Scope) - {Scope.WEBHOOKS_MANAGE, Scope.ADMIN}
    await add_key(service.app[ACCOUNTS], secret="sck_reader", name="reader", scopes=scopes)
    assert (await ask(service, "GET", PATH, key="sck_reader"))[0] == 403
    async with aiohttp.ClientSession() as nobody, nobody.get(service.base + PATH) as answer:
        assert answer.status == 401
