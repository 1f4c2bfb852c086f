"""Who gets past the door of the whole service, over real sockets: sessions, keys, links, and nobody else."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from yarl import URL

from sidecar.domain.access.callers import SESSION_IDLE, SESSION_LONGEST, User
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports.accounts import Accounts
from sidecar.ports.clock import Clock
from sidecar.server import limits
from sidecar.server.app_keys import ACCOUNTS, CLOCK, DIRECTORY, STREAM_HUB
from sidecar.server.auth import recheck
from tests.callers import BEARER, add_key, add_link, add_user
from tests.fakes import FakeClock, ScriptedRecogniser
from tests.service import Service, running_service

# All that answers without session or key. Twilio's routes check a signature of their own (test_media_socket).
OPEN = {"/healthz", "/readyz", "/login", "/docs", "/openapi.json", "/openapi.yaml", "/static/{version}/{path}"}
LINK = "a-link-of-128-bits"
FROM_ELSEWHERE = {"Origin": "https://evil.example"}


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """The whole service. As many wrong keys as a test likes: their limit has a test of its own (test_limits)."""
    monkeypatch.setattr(limits, "WRONG_KEYS_PER_MINUTE", 100_000)
    async with running_service(tmp_path, ScriptedRecogniser([])) as running:
        yield running


@pytest.fixture
async def browser(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    """Has cookies and no key; follows no redirect by itself."""
    async with a_browser(service) as session:
        yield session


def a_browser(service: Service, **headers: str) -> aiohttp.ClientSession:
    """Its requests come from a page of the service."""
    jar = aiohttp.CookieJar(unsafe=True)  # cookies for an IP address too
    return aiohttp.ClientSession(service.base, cookie_jar=jar, headers={"Origin": service.base} | headers)


@pytest.fixture
def accounts(service: Service) -> Accounts:
    return service.app[ACCOUNTS]


async def ask(browser: aiohttp.ClientSession, method: str, path: str | URL, **options: Any) -> tuple[int, str, str]:
    """Status, Location and text of an answer."""
    async with browser.request(method, path, allow_redirects=False, **options) as answer:
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def sign_in(
    browser: aiohttp.ClientSession, accounts: Accounts, token: str = LINK, *, clock: Clock | None = None
) -> User:
    """By a fresh link, as its button does."""
    user = await accounts.user_named("Ana") or await add_user(accounts)
    await add_link(accounts, user, token, clock=clock)
    assert (await ask(browser, "POST", "/login", data={"token": token}))[:2] == (303, "/")
    return user


def routes(service: Service) -> set[tuple[str, str]]:
    """Method and pattern of every route there is."""
    found = set()
    for route in service.app.router.routes():
        assert route.resource is not None
        found.add((route.method.replace("*", "GET"), route.resource.canonical))
    return found


def filled(pattern: str) -> str:
    """A path that matches a pattern."""
    return re.sub(r"\{(\w+)\}", lambda name: "txt" if name[1] == "format" else "x", pattern)


async def test_no_route_answers_without_session_or_key(service: Service, browser: aiohttp.ClientSession) -> None:
    walked = routes(service)
    assert {"/", "/v1/stream", "/logout", "/twilio/media"} <= {pattern for _, pattern in walked}
    wrong: list[Mapping[str, str]] = [
        {}, {"Authorization": "Bearer sck_made_up"}, {"Authorization": "Basic QTpC"}, {"Authorization": "Bearer "},
        {"Cookie": f"sidecar-{URL(service.base).port}=made-up; __Host-sidecar=made-up"},
    ]  # fmt: skip
    answers: dict[tuple[str, str], set[int]] = {}
    for method, pattern in walked:
        for headers in wrong:
            status, location, body = await ask(browser, method, filled(pattern), headers=headers)
            answers.setdefault((method, pattern), set()).add(status)
            if pattern in OPEN | {"/metrics"} or pattern.startswith("/twilio/"):
                continue
            if pattern.startswith("/v1/"):
                assert status == 401, (method, pattern)
                assert method == "HEAD" or '"code":"' in body
            else:
                assert (status, location.partition("?")[0]) == (303, "/login"), (method, pattern)
            assert not body or body.startswith('{"type":"/docs#problem-')
    assert {pattern for _, pattern in walked if pattern.startswith("/twilio/")}
    # This machine may read figures without a token, others may not.
    assert (await ask(browser, "GET", "/metrics", headers={"Host": "sidecar.example.com"}))[0] == 401
    for (method, pattern), statuses in answers.items():
        if pattern.startswith("/twilio/"):
            assert statuses == {403}, (method, pattern)


async def test_what_is_not_there_is_hidden_behind_the_door_too(
    service: Service, browser: aiohttp.ClientSession
) -> None:
    for path in ("/nowhere", "/static", "/healthz/x", "/twilio", "/twilio/nothing", "/static/../v1/conferences"):
        assert (await ask(browser, "GET", path))[0] in {303, 401}, path
    assert (await ask(browser, "GET", "/v1/nowhere"))[0] == 401
    assert (await ask(browser, "DELETE", "/healthz"))[0] == 303
    assert (await ask(browser, "GET", "/healthz", headers={"Host": "sidecar.example.com"}))[0] == 200


async def test_programs_are_told_how_to_get_in(service: Service, browser: aiohttp.ClientSession) -> None:
    async with browser.get("/v1/conferences") as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="sidecar"')
        body = await answer.json(content_type="application/problem+json")
    assert body["code"] == "sign_in_needed"
    assert "sidecar keys create" in body["detail"]
    async with browser.get("/v1/conferences", headers={"Authorization": "Bearer sck_x"}) as answer:
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        assert (await answer.json(content_type=None))["code"] == "key_refused"
    async with browser.get("/v1/conferences", headers=BEARER) as answer:
        assert answer.status == 200


async def test_people_are_sent_to_sign_in_and_come_back_to_where_they_wanted(
    browser: aiohttp.ClientSession, accounts: Accounts
) -> None:
    status, location, _ = await ask(browser, "GET", "/conferences/cnf_1?x=a%20b&y=1#there")
    assert (status, location) == (303, "/login?next=%2Fconferences%2Fcnf_1%3Fx%3Da%2520b%26y%3D1")
    login = URL(location, encoded=True)
    status, _, page = await ask(browser, "GET", login)
    assert (status, "sidecar users link NAME" in page) == (200, True)
    await sign_in(browser, accounts)
    assert (await ask(browser, "GET", login))[1] == "/conferences/cnf_1?x=a%20b&y=1"


async def test_looking_at_a_link_does_not_use_it_and_its_button_does_so_once(
    service: Service, browser: aiohttp.ClientSession, accounts: Accounts
) -> None:
    await add_link(accounts, await add_user(accounts, "Ana <b>"), LINK)
    address = f"/login?token={LINK}&next=%2Fconferences%2Fcnf_1"
    for _ in range(2):
        status, _, page = await ask(browser, "GET", address)
        assert (status, "Sign in as Ana &lt;b&gt;" in page) == (200, True)
        assert not browser.cookie_jar.filter_cookies(URL(service.base))
    assert (await ask(browser, "HEAD", address))[0] == 303
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert form == {"token": LINK, "next": "/conferences/cnf_1"}
    async with browser.post("/login", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/conferences/cnf_1")
        [cookie] = answer.headers.getall("Set-Cookie")
    assert cookie.startswith(f"sidecar-{URL(service.base).port}=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    async with a_browser(service) as other:
        for method, options in (("GET", {}), ("POST", {"data": form})):
            status, _, page = await ask(other, method, address, **options)
            assert (status, "This link was used before" in page, "login_link_used" in page) == (403, True, True)
            assert "sidecar users link" in page
        assert not other.cookie_jar.filter_cookies(URL(service.base))
    status, _, page = await ask(browser, "GET", "/")
    assert (status, "Ana &lt;b&gt;" in page, "/logout" in page) == (200, True, True)


async def test_of_two_buttons_pressed_at_the_same_time_one_signs_in(service: Service, accounts: Accounts) -> None:
    await add_link(accounts, await add_user(accounts), LINK)

    async def press() -> int:
        async with a_browser(service) as browser:
            return (await ask(browser, "POST", "/login", data={"token": LINK}))[0]

    async with asyncio.TaskGroup() as group:
        presses = [group.create_task(press(), name="press") for _ in range(4)]
    assert sorted(one.result() for one in presses) == [303, 403, 403, 403]


async def test_a_reusable_link_signs_in_by_being_opened_and_leads_to_our_pages_only(
    service: Service, accounts: Accounts
) -> None:
    await add_link(accounts, await add_user(accounts), LINK, reusable=True)
    for given, then in (("/conferences/cnf_1", "/conferences/cnf_1"), ("//evil.example", "/"), ("https://x", "/")):
        async with a_browser(service) as browser:
            for _ in range(2):
                async with browser.get(
                    "/login", params={"token": LINK, "next": given}, allow_redirects=False
                ) as answer:
                    assert (answer.status, answer.headers["Location"]) == (303, then)
            assert (await ask(browser, "GET", "/"))[0] == 200


@pytest.mark.parametrize(
    ("token", "lasts", "code"), [(LINK, -1, "login_link_expired"), ("made-up", 60, "login_link_unknown")]
)
async def test_a_link_that_is_late_or_made_up_says_what_to_do(
    browser: aiohttp.ClientSession, accounts: Accounts, token: str, lasts: float, code: str
) -> None:
    await add_link(accounts, await add_user(accounts), LINK, lasts=lasts)
    for method, options in (("GET", {"params": {"token": token}}), ("POST", {"data": {"token": token}})):
        status, _, page = await ask(browser, method, "/login", **options)
        assert (status, code in page, "sidecar users link" in page) == (403, True, True)


async def test_a_form_that_is_none_signs_nobody_in(browser: aiohttp.ClientSession) -> None:
    types = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense")
    bodies = (b"", b"token", b"token=%ff%00&token=&next=%", b"\xff\x00=&", b"--x\r\n\r\ntoken\r\n--x--")
    for type_, body in itertools.product(types, bodies):
        status, _, page = await ask(browser, "POST", "/login", data=body, headers={"Content-Type": type_})
        assert (status, "login_link_unknown" in page) == (403, True), (type_, body)


async def test_sessions_end_by_time(service: Service, browser: aiohttp.ClientSession, accounts: Accounts) -> None:
    clock = FakeClock(service.app[CLOCK].now())
    service.app._state[CLOCK] = clock
    await sign_in(browser, accounts)
    begun = clock.now()
    while clock.now() - begun + SESSION_IDLE / 2 < SESSION_LONGEST:
        clock.pass_ms(SESSION_IDLE.total_seconds() * 500)
        assert (await ask(browser, "GET", "/"))[0] == 200
    clock.pass_ms(SESSION_IDLE.total_seconds() * 500)
    assert (await ask(browser, "GET", "/"))[0] == 303
    await sign_in(browser, accounts, "another link", clock=clock)
    clock.pass_ms(SESSION_IDLE.total_seconds() * 1000)
    assert (await ask(browser, "GET", "/"))[0] == 303


async def follow(answer: aiohttp.ClientResponse) -> list[str]:
    """The lines of a stream to its end."""
    async with asyncio.timeout(10):
        return [raw.decode().rstrip() async for raw in answer.content]


async def test_signing_out_ends_the_session_and_closes_its_streams_and_no_others(
    service: Service, browser: aiohttp.ClientSession, accounts: Accounts
) -> None:
    await sign_in(browser, accounts)
    async with (
        browser.get("/v1/stream?topic=wallboard") as first,
        browser.get("/v1/stream?topic=wallboard") as second,
        service.http.get(service.base + "/v1/stream?topic=wallboard") as of_a_key,
    ):
        assert [answer.status for answer in (first, second, of_a_key)] == [200] * 3
        async with browser.post("/logout", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/login?signed_out=1")
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
        for stream in (first, second):
            lines = await follow(stream)
            assert "event: stream.closing" in lines
            assert '"reason":"auth"' in lines[-2]
        assert service.app[STREAM_HUB].open == 1
        of_a_key.close()
    assert (await ask(browser, "GET", "/"))[0] == 303
    assert (await ask(browser, "GET", "/v1/stream?topic=wallboard"))[0] == 401
    assert "You are signed out" in (await ask(browser, "GET", "/login?signed_out=1"))[2]


async def test_a_stolen_cookie_is_worth_nothing_after_signing_out_or_in_again(
    service: Service, browser: aiohttp.ClientSession, accounts: Accounts
) -> None:
    name = f"sidecar-{URL(service.base).port}"
    await sign_in(browser, accounts)
    stolen = browser.cookie_jar.filter_cookies(URL(service.base))[name].value
    async with a_browser(service, Cookie=f"{name}={stolen}") as thief:
        assert (await ask(thief, "GET", "/"))[0] == 200
        await sign_in(browser, accounts, "another link")
        assert (await ask(thief, "GET", "/"))[0] == 303
    assert (await ask(browser, "GET", "/"))[0] == 200


async def test_a_revoked_key_and_a_removed_user_lose_their_open_streams_with_the_next_check(
    service: Service, browser: aiohttp.ClientSession, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await sign_in(browser, accounts)
    await add_key(accounts, secret="sck_other", name="other")
    other = {"Authorization": "Bearer sck_other"}
    url = service.base + "/v1/stream?topic=wallboard"
    async with service.http.get(url) as stays, service.http.get(url, headers=other) as goes, browser.get(url) as theirs:
        monkeypatch.setattr(recheck, "RECHECK_S", 0.02)
        async with asyncio.TaskGroup() as tasks:
            checking = tasks.create_task(
                recheck.recheck_rights(service.app[STREAM_HUB], accounts, service.app[DIRECTORY], service.app[CLOCK]),
                name="recheck",
            )
            await accounts.revoke_key("other", tenant="", now=service.app[CLOCK].now())
            await accounts.remove_user(user.id)
            for stream in (goes, theirs):
                assert '"reason":"auth"' in (await follow(stream))[-2]
            checking.cancel()
        assert service.app[STREAM_HUB].open == 1
        stays.close()
    async with service.http.get(url, headers=other) as answer:
        assert answer.status == 401


class AwayForAWhile:
    """A store that does not answer the first questions after the rights."""

    def __init__(self, inner: Accounts) -> None:
        self._inner = inner
        self.asked = 0
        self.enough = asyncio.Event()

    async def still_welcome(self, ids: set[str], *, now: Any) -> set[str]:
        self.asked += 1
        if self.asked < 3:
            raise StoreUnavailable("The disk is away.")
        self.enough.set()
        return await self._inner.still_welcome(ids, now=now)


async def test_a_store_that_is_away_sends_nobody_away(
    service: Service, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = AwayForAWhile(accounts)
    monkeypatch.setattr(recheck, "RECHECK_S", 0.01)
    async with service.http.get(service.base + "/v1/stream?topic=wallboard") as stream, asyncio.TaskGroup() as tasks:
        hub, clock = service.app[STREAM_HUB], service.app[CLOCK]
        checking = tasks.create_task(recheck.recheck_rights(hub, away, service.app[DIRECTORY], clock), name="recheck")  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await away.enough.wait()
        assert hub.open == 1
        checking.cancel()
        stream.close()


async def test_what_changes_something_must_come_from_our_own_pages(
    service: Service, browser: aiohttp.ClientSession, accounts: Accounts
) -> None:
    await sign_in(browser, accounts)
    await add_link(accounts, await add_user(accounts, "Eve"), "link-of-eve")
    strangers: list[dict[str, str]] = [
        FROM_ELSEWHERE, {"Origin": "null"}, {"Origin": service.base.replace("http", "https")},
        {"Origin": "http://127.0.0.1:1"}, FROM_ELSEWHERE | {"Sec-Fetch-Site": "same-origin"},
    ]  # fmt: skip
    for headers in strangers:
        status, _, text = await ask(browser, "POST", "/logout", headers=headers)
        assert (status, "cross_site_request" in text) == (403, True)
        status, _, text = await ask(browser, "POST", "/login", headers=headers, data={"token": "link-of-eve"})
        assert (status, "This sign-in came from another site" in text) == (403, True)
        async with browser.post("/v1/nothing", headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (403, "cross_site_request")
        # A key is not sent by a browser on its own.
        assert (await ask(browser, "POST", "/v1/nothing", headers=headers | BEARER))[0] == 404
    assert (await ask(browser, "GET", "/", headers=FROM_ELSEWHERE))[0] == 200
    async with aiohttp.ClientSession(service.base, cookie_jar=browser.cookie_jar) as without_origin:
        for site, status in (("cross-site", 403), ("same-site", 403), ("none", 403), ("same-origin", 404)):
            headers = {"Sec-Fetch-Site": site}
            assert (await ask(without_origin, "POST", "/v1/nothing", headers=headers))[0] == status
        assert (await ask(without_origin, "POST", "/v1/nothing"))[0] == 403
    assert (await ask(browser, "POST", "/v1/nothing"))[0] == 404
    assert (await ask(browser, "GET", "/login?token=link-of-eve"))[0] == 200  # it was not used


async def test_behind_a_proxy_with_tls_the_cookie_is_bound_to_host_and_https(tmp_path: Path) -> None:
    public = "https://sidecar.example.com"
    async with running_service(tmp_path, ScriptedRecogniser([]), public_url=public) as service:
        accounts = service.app[ACCOUNTS]
        await add_link(accounts, await add_user(accounts), LINK)
        async with a_browser(service, Host="sidecar.example.com", Origin=public) as browser:
            async with browser.post("/login", data={"token": LINK}, allow_redirects=False) as answer:
                [cookie] = answer.headers.getall("Set-Cookie")
            assert cookie.startswith("__Host-sidecar=")
            assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
            assert "Domain" not in cookie
            pair = {"Cookie": cookie.partition(";")[0]}
            assert (await ask(browser, "GET", "/", headers=pair))[0] == 200
            async with browser.post("/logout", headers=pair, allow_redirects=False) as answer:
                assert {"Max-Age=0", "Secure"} <= set(answer.headers["Set-Cookie"].split("; "))
        # A proxy that hides the Host header: the browser's word and ours differ.
        async with a_browser(service, Origin=public) as browser:
            status, _, text = await ask(browser, "POST", "/login", data={"token": "x"})
            assert (status, "pass on the Host header" in text) == (403, True)


async def test_over_plain_http_from_elsewhere_nobody_signs_in_and_the_page_says_why(
    service: Service, accounts: Accounts
) -> None:
    await add_link(accounts, await add_user(accounts), LINK, reusable=True)
    async with a_browser(service, Host="sidecar.lan:8080", Origin="http://sidecar.lan:8080") as browser:
        assert (await ask(browser, "GET", "/"))[:2] == (303, "/login?next=%2F")
        for method, options in (("GET", {"params": {"token": LINK}}), ("POST", {"data": {"token": LINK}})):
            status, _, page = await ask(browser, method, "/login", **options)
            assert (status, "https_needed" in page, "ssh -L 8080:127.0.0.1:8080" in page) == (403, True, True)
        assert not list(browser.cookie_jar)


async def test_tokens_and_names_stay_out_of_the_log(browser: aiohttp.ClientSession, accounts: Accounts) -> None:
    with structlog.testing.capture_logs() as lines:
        await sign_in(browser, accounts)
        await ask(browser, "GET", "/login", params={"token": "canary-token"})
        await ask(browser, "GET", "/v1/conferences", headers={"Authorization": "Bearer sck_canary"})
        await ask(browser, "POST", "/logout", headers=FROM_ELSEWHERE)
        await ask(browser, "POST", "/logout")
        await ask(browser, "GET", "/login", params={"token": "canary-token"})
    assert [line["event"] for line in lines] == [
        "signed_in", "key_refused", "cross_site_request_refused", "signed_out", "sign_in_refused",
    ]  # fmt: skip
    assert not [line for line in lines if "canary" in str(line) or LINK in str(line) or "Ana" in str(line)]
