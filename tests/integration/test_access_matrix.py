"""Every route, every kind of caller, own and other tenants' things: who gets in is what the table of rules says.

The first test asks whether a request reaches its handler; a probe stands in for all handlers, so nothing has an effect
and nothing streams. The others ask the handlers themselves about what is another tenant's.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from sidecar.adapters.clock import SystemClock
from sidecar.domain.access.callers import (
    PANEL_PREFIX,
    PANEL_SCOPES,
    ROLE_SCOPES,
    PanelToken,
    Scope,
    User,
    UserRole,
    token_hash,
)
from sidecar.domain.conference.values import Role
from sidecar.domain.events import ConferenceStarted, ParticipantJoined, ParticipantUpdated
from sidecar.ports.directory import BoundFork
from sidecar.server import limits
from sidecar.server.app_keys import (
    ACCOUNTS,
    DIRECTORY,
    EVENT_BUS,
    EVENT_LOG,
    STREAM_HUB,
    WALLBOARD_STATE,
    WEBHOOK_ENDPOINTS,
)
from sidecar.server.auth import recheck
from sidecar.server.auth.rules import RULES, Of, Rule, Way
from tests.callers import add_key, add_session, add_user
from tests.facts import draft, fork_request, said, webhook_endpoint
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

PROBE = {"X-Probe": "1"}
REACHED = 299
AT_ONCE = 32
# What another tenant's things have in them, wherever they have words.
SECRET = "zeppelin"
SID_OF_THEIRS = "CF0globex"
OPEN = {Way.OPEN, Way.TWILIO, Way.SCRAPER}


@web.middleware
async def probe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """In place of the handler, for who asks for it: it was reached."""
    return web.Response(status=REACHED) if "X-Probe" in request.headers else await handler(request)


@dataclass(frozen=True)
class Credential:
    """A way in of the tenant acme. ``scopes``: what it may do; ``only_own``: agents see their own calls only.

    ``scope``: the one that a key has alone, or that it lacks.
    """

    name: str
    headers: dict[str, str]
    scopes: frozenset[Scope] = frozenset()
    session: bool = False
    only_own: bool = False
    panel_of: str | None = None
    scope: Scope | None = None

    def concerns(self, rule: Rule) -> bool:
        """Of the keys, a route is asked with those whose scope it needs, or which everything but that opens."""
        return self.scope in (None, Scope.ADMIN, rule.need)

    def may(self, rule: Rule) -> bool:
        """By the table alone."""
        if rule.need is Way.SESSION:
            return self.session
        if isinstance(rule.need, Way):
            return True
        return rule.need in self.scopes or Scope.ADMIN in self.scopes


@dataclass
class Tenant:
    """What belongs to one: a call in which Maya is the agent, one in which she is not, and the rest."""

    name: str
    own: BoundFork
    others: BoundFork
    users: dict[UserRole, User]
    ids: dict[str, str] = field(default_factory=dict)


@dataclass
class World:
    """Two tenants on one service."""

    service: Service
    ours: Tenant
    theirs: Tenant
    credentials: list[Credential]
    http: aiohttp.ClientSession

    async def status(self, method: str, path: str, headers: dict[str, str], **more: Any) -> int:
        async with self.http.request(
            method, self.service.base + path, headers=headers, allow_redirects=False, **more
        ) as answer:
            return answer.status


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """As many requests and invitations as the matrix has; limits have tests of their own."""
    for limit in ("WRONG_KEYS_PER_MINUTE", "INVITES_PER_MINUTE"):
        monkeypatch.setattr(limits, limit, 1_000_000)
    async with (
        running_service(tmp_path, ScriptedRecogniser([]), innermost=probe, rate_limit=0, styleguide=True) as service,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        ours, theirs = await a_tenant(service, "acme", "quiet"), await a_tenant(service, "globex", SECRET)
        board = service.app[WALLBOARD_STATE]
        async with asyncio.timeout(10):
            while any(len(board.rows(one.name)) < 2 for one in (ours, theirs)):
                await asyncio.sleep(0.01)
        yield World(service, ours, theirs, await ways_in(service, ours), http)


async def a_tenant(service: Service, name: str, word: str) -> Tenant:
    app, clock = service.app, SystemClock()
    directory, log, accounts = app[DIRECTORY], app[EVENT_LOG], app[ACCOUNTS]
    calls = []
    for n, agent in enumerate(("Maya", "Ben")):
        room = f"{word}-{n}-{name}"
        call = await directory.open_fork(
            fork_request(f"CA{name}{n}", room=room, tenant=name, name=agent, label=word, now=clock.now())
        )
        await directory.bind_conference(call.conference.id, f"CF{n}{name}")
        who = call.participant
        joined = ParticipantJoined(
            participant=who.id, call_sid=who.call_sid, label=word, name=agent, role=Role.AGENT, at_ms=0
        )
        started = ConferenceStarted(room=room, conference_sid=None)
        facts = [draft(call.conference.id, fact, at=clock.now()) for fact in (started, joined)]
        for event in await log.append([*facts, said(call, 0, text=f"The word is {word}.")]):
            assert event is not None
            app[EVENT_BUS].publish(event)
        calls.append(call)
    names = {role: "Maya" if role is UserRole.AGENT and name == "acme" else f"{word} {role}" for role in UserRole}
    users = {role: await add_user(accounts, who, role=role, tenant=name) for role, who in names.items()}
    endpoint = webhook_endpoint(f"ep_{name}", tenant=name, url=f"https://{word}.example.com/hooks")
    await app[WEBHOOK_ENDPOINTS].add(endpoint, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    await add_key(accounts, secret=f"sck_{name}", name=word, tenant=name)
    [key] = await accounts.keys(tenant=name)
    ids = {"endpoint": endpoint.id, "key": key.id, "user": users[UserRole.VIEWER].id}
    return Tenant(name, calls[0], calls[1], users, ids)


async def ways_in(service: Service, ours: Tenant) -> list[Credential]:
    accounts, clock = service.app[ACCOUNTS], SystemClock()
    found = []
    for role, user in ours.users.items():
        await add_session(accounts, user, f"session of {role}".replace(" ", "-"))
        cookie = f"sidecar-{URL(service.base).port}=session-of-{role}"
        headers = {"Cookie": cookie, "Origin": service.base}
        found.append(Credential(role, headers, ROLE_SCOPES[role], session=True, only_own=role is UserRole.AGENT))
    for scope in Scope:
        for name, scopes in (("only", frozenset({scope})), ("all but", frozenset(Scope) - {scope, Scope.ADMIN})):
            secret = f"sck_{name}_{scope}".replace(" ", "_")
            await add_key(accounts, secret=secret, name=f"{name} {scope}", scopes=scopes, tenant=ours.name)
            found.append(Credential(f"{name} {scope}", {"Authorization": f"Bearer {secret}"}, scopes, scope=scope))
    panel, now = PANEL_PREFIX + "of-the-matrix", clock.now()
    conference = ours.own.conference.id
    await accounts.add_panel_token(
        PanelToken(
            id="pan_1", conference_id=conference, name="Maya", created_at=now, expires_at=now + timedelta(hours=1),
            tenant=ours.name,
        ),
        token_hash=token_hash(panel),
    )  # fmt: skip
    bearer = {"Authorization": f"Bearer {panel}"}
    found.append(Credential("panel", bearer, frozenset(PANEL_SCOPES), panel_of=conference))
    return found


def path_of(route: str, conference: str = "x", **ids: str) -> str:
    """A path of this route: ``{id}`` is the conference where it is one."""
    values = {
        "format": "txt",
        "version": "v",
        "path": "x.css",
        "kind": "notice",
        "id": conference,
        "rule": "rul_x",
    } | ids
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], "x"), route.partition(" ")[2])


def expected(route: str, rule: Rule, who: Credential, conference: BoundFork, whose: str) -> int:
    """The status, by the table. ``whose``: "own", "other agent's" or "other tenant's"."""
    if rule.need in OPEN:
        return REACHED
    if who.panel_of is not None:
        in_stream = route == "GET /v1/stream"  # this one has no {id}: asked for without a topic
        if not in_stream and not (rule.panel and conference.conference.id == who.panel_of):
            return 403
    if not who.may(rule):
        return 403
    unseen = whose == "other tenant's" or (whose == "other agent's" and who.only_own)
    return 404 if rule.of is not Of.NOTHING and unseen else REACHED


def questions(world: World) -> Iterator[tuple[str, str, dict[str, str], int]]:
    """Route, path, headers, and the status that there must be."""
    own = world.ours.own
    elsewhere = (("other agent's", world.ours.others), ("other tenant's", world.theirs.own))
    for route, rule in RULES.items():
        path = path_of(route, own.conference.id)
        yield route, path, {}, REACHED if rule.need in OPEN else 401 if "/v1/" in route else 303
        for who in (one for one in world.credentials if one.concerns(rule)):
            status = expected(route, rule, who, own, "own")
            yield route, path, who.headers, status
            # Who may not do it anywhere need not be asked about each place.
            for whose, call in elsewhere if rule.of is not Of.NOTHING and status == REACHED else ():
                status = expected(route, rule, who, call, whose)
                yield route, path_of(route, call.conference.id), who.headers, status
                if whose == "other tenant's" and who.name == UserRole.ADMIN:
                    yield route, path_of(route, SID_OF_THEIRS), who.headers, status


async def test_each_route_lets_in_whom_its_rule_names_and_nobody_else(world: World) -> None:
    asked = list(questions(world))

    async def ask(route: str, path: str, headers: dict[str, str], status: int) -> str | None:
        got = await world.status(route.partition(" ")[0], path, PROBE | headers)
        who = next((one.name for one in world.credentials if one.headers == headers), "nobody")
        return None if got == status else f"{route} ({path}) by {who}: {got} instead of {status}"

    assert await together(ask(*one) for one in asked) == []


async def test_what_another_site_s_page_makes_a_browser_send_changes_nothing(world: World) -> None:
    [admin] = [who for who in world.credentials if who.name == UserRole.ADMIN]
    conference = world.ours.own.conference.id

    async def ask(route: str, headers: dict[str, str]) -> str | None:
        method, path = route.partition(" ")[0], path_of(route, conference)
        got = await world.status(method, path, PROBE | {"Cookie": admin.headers["Cookie"]} | headers)
        return None if got == 403 else f"{route} with {headers}: {got}"

    mutating = [route for route, rule in RULES.items() if not route.startswith("GET ") and rule.need not in OPEN]
    elsewhere: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    )
    assert len(mutating) > 30
    nobody, evil, *others = elsewhere
    assert await together(ask(route, headers) for route in mutating for headers in (nobody, evil)) == []
    assert await together(ask("POST /v1/stream_tickets", headers) for headers in others) == []
    # Signing in has no session yet, and a rule of its own.
    for headers in elsewhere:
        assert await world.status("POST", "/login", headers, data={"token": "x"}) == 403


async def test_what_is_another_tenant_s_is_not_there(world: World) -> None:
    """Objects that are no conferences: the handlers look them up by tenant."""
    admin = next(who for who in world.credentials if who.name == UserRole.ADMIN)
    named = re.compile(r"\{(endpoint|key|user|rule|delivery|session|alert|assistant|participant|note)\}")
    about_others = [route for route, rule in RULES.items() if named.search(route) and rule.of is Of.NOTHING]
    assert len(about_others) > 15

    async def ask(route: str) -> str | None:
        method, path = route.partition(" ")[0], path_of(route, **world.theirs.ids)
        body = BODIES.get(route, {})
        got = await world.status(method, path, admin.headers, **body)
        wanted = ELSEWISE.get(route, 404)
        return None if got == wanted else f"{route}: {got} instead of {wanted}"

    assert await together(ask(route) for route in about_others) == []
    assert [one.id for one in await world.service.app[ACCOUNTS].keys(tenant="globex") if one.revoked_at] == []
    assert len(await world.service.app[ACCOUNTS].users(tenant="globex")) == len(UserRole)
    await world.service.app[WEBHOOK_ENDPOINTS].endpoint(world.theirs.ids["endpoint"], tenant="globex")


# Where an empty body would be refused before anything is looked up.
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/webhook_endpoints/{endpoint}/test": {"json": {"type": "conference.started"}},
    "POST /v1/webhook_endpoints/{endpoint}/resend": {"json": {"failed_since": "2026-01-01T00:00:00Z"}},
    "POST /settings/users/{user}/role": {"data": {"role": "viewer"}},
    "POST /settings/webhooks/{endpoint}": {"data": {"url": "https://x.example.com", "type:*": "on"}},
    "POST /settings/webhooks/{endpoint}/state": {"data": {"to": "pause"}},
    "POST /settings/webhooks/{endpoint}/test": {"data": {"type": "conference.started"}},
    "POST /settings/webhooks/{endpoint}/resend": {"data": {"since": "24 h"}},
}
# One's own sessions only: any other is left alone, and not spoken of.
ELSEWISE = {"POST /settings/account/sessions/{session}/end": 303}


async def test_nothing_that_can_be_read_has_another_tenant_s_words_in_it(world: World) -> None:
    """Lists, pages, exports, search, audit, as everybody of acme may read them."""
    reading = [
        route for route, rule in RULES.items()
        if route.startswith("GET ") and rule.need not in OPEN and route not in {"GET /v1/stream", "GET /styleguide"}
    ]  # fmt: skip
    searched = {"GET /v1/search": f"?q={SECRET}", "GET /history": f"?q={SECRET}"}
    found: list[str] = []

    async def read(route: str, who: Credential) -> str | None:
        ids = world.ours.ids | {"conference": world.ours.own.conference.id}
        path = path_of(route, **ids) + searched.get(route, "")
        async with world.http.get(world.service.base + path, headers=who.headers, allow_redirects=False) as answer:
            text = (await answer.text()).replace(f'value="{SECRET}"', "").replace(f"q={SECRET}", "")
            found.append(f"{answer.status}")
            if answer.status >= 500:
                return f"{route} by {who.name}: {answer.status}"
            said_back = route in searched and who.may(RULES[route])
            leaked = text.count(SECRET) > (1 if said_back else 0) or world.theirs.own.conference.id in text
            return f"{route} by {who.name} says {SECRET}" if leaked else None

    people = [who for who in world.credentials if who.name in (UserRole.ADMIN, UserRole.AGENT, "only admin", "panel")]
    assert await together(read(route, who) for route in reading for who in people) == []
    assert found.count("200") > 50


async def test_streams_tell_of_one_s_own_calls_only(world: World) -> None:
    by_name = {who.name: who for who in world.credentials}

    async def first(who: Credential, topic: str) -> tuple[int, str]:
        async with world.http.get(
            world.service.base + "/v1/stream", params={"topic": topic}, headers=who.headers
        ) as answer:
            if answer.status != 200:
                return answer.status, ""
            text = ""
            while "data: " not in text.partition("stream.ready")[2].partition("\n\n")[2]:
                text += (await answer.content.readline()).decode()
            return 200, text

    theirs, ours = world.theirs.own.conference.id, world.ours.own.conference.id
    for who in (by_name["admin"], by_name["agent"], by_name["only transcripts:read"]):
        assert await first(who, f"conference:{theirs}") == (404, "")
        assert await first(who, f"conference:{SID_OF_THEIRS}") == (404, "")
        assert (await first(who, f"conference:{ours}"))[0] == 200
    assert await first(by_name["agent"], f"conference:{world.ours.others.conference.id}") == (404, "")
    assert await first(by_name["panel"], f"conference:{world.ours.others.conference.id}") == (403, "")
    assert await first(by_name["panel"], "wallboard") == (403, "")
    for name, rooms in (("admin", 2), ("agent", 1)):
        _, board = await first(by_name[name], "wallboard")
        assert (board.count('"room":"quiet'), SECRET in board) == (rooms, False)


async def test_an_agent_whose_call_it_is_no_longer_loses_its_open_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody corrects the participant's name; the next check of rights finds out."""
    app, call, clock = world.service.app, world.ours.own, SystemClock()
    agent = next(who for who in world.credentials if who.only_own)
    url = f"{world.service.base}/v1/stream?topic=conference:{call.conference.id}"
    monkeypatch.setattr(recheck, "RECHECK_S", 0.02)
    async with world.http.get(url, headers=agent.headers) as stream, asyncio.TaskGroup() as tasks:
        checking = tasks.create_task(
            recheck.recheck_rights(app[STREAM_HUB], app[ACCOUNTS], app[DIRECTORY], clock), name="recheck"
        )
        who = call.participant
        corrected = ParticipantUpdated(participant=who.id, label=who.label, name="Ben", role=Role.AGENT)
        await app[EVENT_LOG].append([draft(call.conference.id, corrected, at=clock.now())])
        text = (await stream.content.read()).decode()
        checking.cancel()
    assert "event: stream.closing" in text
    assert await world.status("GET", f"/conferences/{call.conference.id}", agent.headers) == 404


async def test_a_call_of_another_tenant_is_kept_out_of_a_room_and_gets_one_of_its_own(world: World) -> None:
    app = world.service.app
    room = world.theirs.own.conference.room
    form = {"CallSid": "CA" + "7" * 32, "From": "+15550100", "To": "+15550199"}
    status, twiml = await world.service.post(f"/twilio/voice?room={room}&label=agent&tenant=acme", form)
    assert (status, f">{room}<" in twiml) == (200, False)
    [alone] = [one for one in await app[DIRECTORY].conferences(tenant="acme") if one.room == one.id]
    assert f">{alone.room}<" in twiml
    assert len(await app[DIRECTORY].participants(world.theirs.own.conference.id)) == 1
    assert world.service.refusals["room_of_another_tenant"] == 1


async def together(asking: Iterable[Coroutine[Any, Any, str | None]]) -> list[str]:
    """The failures, a bounded number of questions at once."""
    failures: list[str] = []
    waiting = iter(asking)
    while some := list(islice(waiting, AT_ONCE)):
        async with asyncio.TaskGroup() as tasks:
            answers = [tasks.create_task(one, name=f"question {n}") for n, one in enumerate(some)]
        failures += [failure for answer in answers if (failure := answer.result()) is not None]
    return failures
