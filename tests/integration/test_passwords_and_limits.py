"""Signing in by password, sessions that end, limits, other sites' pages, and what the audit log says of it all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sidecar.domain.access.callers import Scope, UserRole
from sidecar.server.app_keys import ACCOUNTS, PASSWORDS
from tests.callers import BEARER, add_key, add_link, add_session, add_user
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

RIGHT = "correct horse battery"
# A limit gives something back while a slow machine is still asking: it is reached after a few more.
PATIENCE = 600
SITE = "https://crm.example.com"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """With a small limit, and one other site that may use the API."""
    async with running_service(tmp_path, ScriptedRecogniser([]), rate_limit=60, cors_origins=SITE) as running:
        yield running


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with a_browser(service) as session:
        yield session


def a_browser(service: Service) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(service.base, cookie_jar=jar, headers={"Origin": service.base})


async def ask(browser: aiohttp.ClientSession, method: str, path: str, **options: Any) -> tuple[int, str, str]:
    """Status, Location and text."""
    async with browser.request(method, path, allow_redirects=False, **options) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def with_password(service: Service, name: str = "Ana", role: UserRole = UserRole.ADMIN) -> None:
    accounts = service.app[ACCOUNTS]
    user = await add_user(accounts, name, role=role)
    await accounts.set_password(user.id, await service.app[PASSWORDS].hashed(RIGHT))


async def sign_in(browser: aiohttp.ClientSession, name: str = "Ana", password: str = RIGHT) -> tuple[int, str, str]:
    return await ask(browser, "POST", "/login", data={"name": name, "password": password, "next": "/settings"})


async def audited(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.get("/v1/audit"))["data"]
    return found


async def test_a_name_and_its_password_sign_in_and_nothing_else_does(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    await with_password(service)
    await add_user(service.app[ACCOUNTS], "Ben")
    pages = set()
    for name, password in (("Ana", "wrong wrong wrong"), ("Nobody", RIGHT), ("Ben", RIGHT), ("", ""), ("Ana", "")):
        status, _, text = await sign_in(browser, name, password)
        assert (status, browser.cookie_jar.filter_cookies(URL(service.base))) == (403, {})
        pages.add(re.sub(r'value="[^"]*"', "", text))
    assert len(pages) == 1  # the same words whatever was wrong
    assert (await sign_in(browser))[:2] == (303, "/settings")
    status, location, _ = await ask(browser, "GET", "/settings")
    assert (status, location) == (303, "/settings/account")
    assert "Signed in as <bdi>Ana</bdi>, admin" in (await ask(browser, "GET", location))[2]
    [opened] = [entry for entry in await audited(service) if entry["action"] == "session.opened"]
    assert (opened["actor_name"], opened["by"], opened["address"]) == ("Ana", "session", "127.0.0.1")
    assert RIGHT not in str(await audited(service))


async def test_too_many_wrong_passwords_of_a_name_are_not_looked_at_any_more_and_a_link_still_works(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    await with_password(service)
    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < PATIENCE:
        statuses.append((await sign_in(browser, password="wrong wrong wrong"))[0])
    assert (set(statuses[:-1]), statuses[-1], len(statuses) > 10) == ({403}, 429, True)
    async with browser.post("/login", data={"name": "Ana", "password": RIGHT}, allow_redirects=False) as answer:
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60
    user = await service.app[ACCOUNTS].user_named("Ana")
    assert user is not None
    await add_link(service.app[ACCOUNTS], user, "a-link")
    assert (await ask(browser, "POST", "/login", data={"token": "a-link"}))[0] == 303


async def test_a_new_password_ends_the_other_sessions_and_needs_the_present_one(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    await with_password(service)
    await sign_in(browser)
    async with a_browser(service) as elsewhere:
        await sign_in(elsewhere)
        page = "/settings/account/password"
        new = "another horse battery"
        for form, words in (
            ({"present": "wrong wrong wrong", "new": new, "again": new}, "present password is another"),
            ({"present": RIGHT, "new": new, "again": RIGHT}, "two new passwords differ"),
            ({"present": RIGHT, "new": "short", "again": "short"}, "at least 12 characters"),
        ):
            status, _, text = await ask(browser, "POST", page, data=form)
            assert (status, words in text) == (422, True)
        assert (await ask(elsewhere, "GET", "/settings/account"))[0] == 200
        form = {"present": RIGHT, "new": new, "again": new}
        assert (await ask(browser, "POST", page, data=form))[1] == "/settings/account?done=password"
        assert (await ask(browser, "GET", "/settings/account"))[0] == 200
        assert (await ask(elsewhere, "GET", "/settings/account"))[0] == 303
        assert (await sign_in(elsewhere))[0] == 403
        assert (await sign_in(elsewhere, password=new))[0] == 303
        # One session ends the other, and only its own.
        _, _, text = await ask(browser, "GET", "/settings/account")
        [other] = re.findall(r"/settings/account/sessions/(uss_\w+)/end", text)
        assert (await ask(browser, "POST", f"/settings/account/sessions/{other}/end"))[0] == 303
        assert (await ask(elsewhere, "GET", "/settings/account"))[0] == 303


async def test_an_admin_adds_somebody_changes_their_role_and_removes_them(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    await with_password(service)
    await sign_in(browser)
    status, _, text = await ask(browser, "POST", "/settings/users", data={"name": "<b>Ben", "role": "agent"})
    [token] = re.findall(r"/login\?token=([\w-]+)", text)[:1]
    assert (status, "&lt;b&gt;Ben" in text, "<b>Ben" in text) == (200, True, False)
    ben = await service.app[ACCOUNTS].user_named("<b>Ben")
    assert ben is not None
    async with a_browser(service) as bens:
        assert (await ask(bens, "POST", "/login", data={"token": token}))[0] == 303
        assert (await ask(bens, "GET", "/settings/users"))[0] == 403
        assert (await ask(browser, "POST", f"/settings/users/{ben.id}/role", data={"role": "viewer"}))[0] == 303
        assert (await ask(bens, "GET", "/"))[0] == 303  # signs in anew
    assert (await ask(browser, "POST", f"/settings/users/{ben.id}/remove"))[0] == 303
    assert await service.app[ACCOUNTS].user_named("<b>Ben") is None
    ana = await service.app[ACCOUNTS].user_named("Ana")
    assert ana is not None
    for act in ("role", "remove", "clear_password"):
        path = f"/settings/users/{ana.id}/{act}"
        assert (await ask(browser, "POST", path, data={"role": "viewer"}))[0] == 404
    changes = {entry["action"]: (entry["before"], entry["after"]) for entry in await audited(service)}
    assert changes["user.role_changed"] == ({"role": "agent"}, {"role": "viewer"})
    assert {"user.added", "link.made", "user.removed"} <= set(changes)


async def test_a_key_made_by_rest_is_shown_once_opens_what_its_scopes_say_and_is_revoked(service: Service) -> None:
    http, keys = service.http, f"{service.base}/v1/api_keys"
    once, wish = {"Idempotency-Key": "k"}, {"name": "crm", "scopes": ["conferences:read"]}
    async with http.post(keys, json=wish, headers=once) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
        made = await answer.json()
    async with http.post(keys, json=wish, headers=once) as answer:
        assert (answer.status, answer.headers["Cache-Control"], await answer.json()) == (201, "no-store", made)
        assert answer.headers["Idempotency-Replayed"] == "true"
    bearer = {"Authorization": f"Bearer {made['key']}"}
    async with http.get(f"{service.base}/v1/conferences", headers=bearer) as answer:
        assert answer.status == 200
    for method, path, scope in (("GET", "/v1/audit", "admin"), ("GET", "/v1/search", "transcripts:read")):
        async with http.request(method, service.base + path, headers=bearer) as answer:
            assert (answer.status, scope in await answer.text()) == (403, True)
    async with http.post(keys, json={"name": "crm", "scopes": ["conferences:read"]}) as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (409, "name_taken")
    wrong = [{"name": "x", "scopes": []}, {"name": "x", "scopes": ["all"]}, {"name": " ", "scopes": ["admin"]},
             {"name": "x", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}]  # fmt: skip
    for body in wrong:
        async with http.post(keys, json=body) as answer:
            assert answer.status == 422, body
    assert made["key"] not in str(await service.get("/v1/api_keys"))
    async with http.delete(f"{keys}/{made['id']}") as answer:
        assert answer.status == 204
    for again in (made["id"], "crm", "key_nobody"):
        async with http.delete(f"{keys}/{again}") as answer:
            assert answer.status == 404
    async with http.get(f"{service.base}/v1/conferences", headers=bearer) as answer:
        assert answer.status == 401
    entries = await audited(service)
    assert [(entry["action"], entry["target"]) for entry in entries] == [
        ("key.revoked", made["id"]), ("POST /v1/api_keys", ""), ("key.created", made["id"]),  # told a second time
    ]  # fmt: skip
    page = await service.get("/v1/audit?limit=1")
    assert (page["data"], page["has_more"]) == (entries[:1], True)
    page = await service.get(f"/v1/audit?limit=2&after={page['next_cursor']}")
    assert (page["data"], page["has_more"]) == (entries[1:], False)


async def test_who_asks_too_often_waits_and_nobody_else_does(service: Service) -> None:
    path = f"{service.base}/v1/conferences"
    await add_key(service.app[ACCOUNTS], secret="sck_other", name="other", scopes=frozenset({Scope.CONFERENCES_READ}))
    left: list[int] = []
    for _ in range(PATIENCE):
        async with service.http.get(path) as answer:
            assert answer.headers["RateLimit-Policy"] == '"default";q=60;w=60'
            left += map(int, re.findall(r'"default";r=(\d+);t=\d+', answer.headers["RateLimit"]))
            if answer.status != 200:
                body = await answer.json(content_type="application/problem+json")
                assert (answer.status, body["code"], int(answer.headers["Retry-After"])) == (429, "rate_limited", 1)
                break
    assert len(left) > 60  # one comes back each second meanwhile
    assert (left[0], left[-2:]) == (59, [0, 0])
    async with service.http.get(path, headers={"Authorization": "Bearer sck_other"}) as answer:
        assert answer.status == 200


async def test_wrong_keys_are_refused_sooner_and_a_right_one_is_let_in_all_the_same(service: Service) -> None:
    path, statuses = f"{service.base}/v1/conferences", []
    for n in range(PATIENCE):
        async with service.http.get(path, headers={"Authorization": f"Bearer sck_{n:048x}"}) as answer:
            statuses.append(answer.status)
            body = await answer.json(content_type=None)
        if statuses[-1] == 429:
            break
    assert (set(statuses[:-1]), body["code"]) == ({401}, "too_many_wrong_keys")
    assert len(statuses) > 20
    async with service.http.get(path) as answer:
        assert answer.status == 200


async def test_a_listed_site_s_page_may_use_the_api_with_a_key_and_never_with_a_cookie(service: Service) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with aiohttp.ClientSession() as http:
        async with http.options(f"{service.base}/v1/conferences/x/pause", headers=asks | {"Origin": SITE}) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == SITE
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
            assert "Origin" in answer.headers["Vary"]
        async with http.get(f"{service.base}/v1/conferences", headers=BEARER | {"Origin": SITE}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, SITE)
            assert "Access-Control-Allow-Credentials" not in answer.headers
        for origin in ("https://evil.example", "null", f"{SITE}.evil.example", "https://crm.example.com:8443"):
            for method in ("OPTIONS", "GET"):
                url, headers = f"{service.base}/v1/conferences", BEARER | asks | {"Origin": origin}
                async with http.request(method, url, headers=headers) as answer:
                    assert not [name for name in answer.headers if name.startswith("Access-Control")], origin
        # Pages are nobody else's, and an answer that refuses can be read by the site that asked.
        async with http.get(f"{service.base}/", headers={"Origin": SITE}, allow_redirects=False) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with http.get(f"{service.base}/v1/conferences", headers={"Origin": SITE}) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, SITE)


async def test_what_is_done_to_a_call_and_who_reads_it_is_written_down(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    accounts = service.app[ACCOUNTS]
    await add_session(accounts, await add_user(accounts, "Nora", role=UserRole.VIEWER), "nora")
    await service.call("CA" + "1" * 32, label="agent")
    [call] = (await service.get("/v1/conferences"))["data"]
    one = f"{service.base}/v1/conferences/{call['id']}"
    for _ in range(3):
        for what in ("utterances", "transcript.txt"):
            async with service.http.get(f"{one}/{what}") as answer:
                assert answer.status == 200
    port = service.base.rpartition(":")[2]
    cookie = {"Cookie": f"sidecar-{port}=nora"}
    assert (await ask(browser, "GET", f"/conferences/{call['id']}", headers=cookie))[0] == 200
    async with service.http.post(f"{one}/pause") as answer:
        assert answer.status == 200
    people = (await service.get(f"/v1/conferences/{call['id']}/participants"))["data"]
    async with service.http.patch(f"{one}/participants/{people[0]['id']}", json={"name": "Maya"}) as answer:
        assert answer.status == 200
    entries = [(one["actor_name"], one["action"], one["target"]) for one in reversed(await audited(service))]
    assert entries == [
        ("tests", "transcript.read", call["id"]),
        ("Nora", "transcript.read", call["id"]),
        ("tests", "transcript.paused", call["id"]),
        ("tests", "participant.corrected", people[0]["id"]),
    ]
