"""Whatever strangers say, are called, answer or enter: no page runs it. A real browser, each payload in each place."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, ConsoleMessage, async_playwright

from sidecar.cli.children import free_ports
from sidecar.domain.access.callers import UserRole
from sidecar.domain.conference.values import Role
from sidecar.domain.events import ConferenceStarted, Draft, ParticipantJoined
from sidecar.domain.webhooks.endpoints import DESCRIPTION_LENGTH_MOST
from sidecar.server.app_keys import ACCOUNTS, CLOCK, DIRECTORY, EVENT_WRITER, WALLBOARD_STATE
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.browser.payloads import PAYLOADS
from tests.callers import add_session, add_user
from tests.facts import fork_request, utterance
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service
from tests.waiting import eventually

ENDPOINTS = "/v1/webhook_endpoints"
ANSWER_BYTES = 900  # the log keeps a kilobyte
# Of the payloads, alone in a page without any defence, at least so many run: the test would notice.
RUN_WITHOUT_DEFENCE = 40
# What a browser would not let somebody enter, and nothing hinders a program to send.
ENTER = "(field, text) => { field.type = 'text'; field.removeAttribute('maxlength'); field.value = text; }"
assert len(PAYLOADS) >= 50
pytestmark = pytest.mark.timeout(240)


class Watch:
    """``runs``: how often a payload called ``pwned()``. ``refused``: what a page's policy had to stop."""

    def __init__(self) -> None:
        self.runs = 0
        self.refused: list[str] = []

    async def over(self, context: BrowserContext) -> None:
        """All pages and frames of this context."""
        await context.expose_binding("pwned", self._run)
        context.on("console", self._hear)

    def _run(self, _source: Any, *_: Any) -> None:
        self.runs += 1

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "TrustedHTML" in message.text:
            self.refused.append(f"{message.page.url if message.page else ''}: {message.text}")


@asynccontextmanager
async def hostile_receiver() -> AsyncIterator[int]:
    """Answers each message with payloads, and takes none. Its port."""
    pieces = itertools.cycle(_packed())

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=500, text=next(pieces))

    app, port = web.Application(), free_ports(1)
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


def _packed(payloads: Sequence[str] = PAYLOADS, most: int = ANSWER_BYTES, between: str = "\n") -> list[str]:
    """The payloads, as many in one text as there is room for: each page that is loaded costs a second."""
    texts = [""]
    for payload in payloads:
        if len((texts[-1] + payload).encode()) >= most:
            texts.append("")
        texts[-1] += payload + between
    return texts


async def test_no_payload_runs_on_any_page_and_without_defence_most_of_them_would(tmp_path: Path) -> None:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"HOSTILE WORDS ARE NOT TESTED: none of {', '.join(BROWSERS)} is on PATH. Install chromium.")
    async with (
        hostile_receiver() as port,
        running_service(
            tmp_path, ScriptedRecogniser(), webhook_allow_nets="127.0.0.0/8", webhook_allow_http="true"
        ) as service,
        async_playwright() as driver,
    ):
        browser = await driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        await without_defence(await browser.new_context())
        endpoints = await fill_webhooks(service, port)
        conference = await fill_call(service)
        watch, context = Watch(), await signed_in(service, await browser.new_context())
        await watch.over(context)
        places = ["/", "/history", f"/conferences/{conference}", "/settings/webhooks"]
        places += [f"/settings/webhooks/{endpoint}" for endpoint in endpoints]
        places += await deliveries(service, endpoints[0])
        page = await context.new_page()
        for place in places:
            await page.goto(service.base + place, wait_until="load")
        for text in _packed():
            await page.goto(f"{service.base}/settings/webhooks?done={quote(text)}&n={quote(text)}")
            await page.goto(f"{service.base}/settings/webhooks/{endpoints[0]}?type={quote(text)}")
            await page.locator("details.card > summary").first.click()
            for field in ("#url", "#description"):
                await page.locator(field).evaluate(
                    "(field, text) => { field.type = 'text'; field.value = text; }", text
                )
            await page.get_by_role("button", name="Save").click()
            await page.get_by_role("alert").wait_for()
        assert (watch.runs, watch.refused) == (0, [])
        await browser.close()


async def without_defence(context: BrowserContext) -> None:
    """Each payload in a frame of its own, as markup."""
    watch = Watch()
    await watch.over(context)
    page = await context.new_page()
    await page.goto("about:blank")
    await page.evaluate(
        """payloads => {
          for (const payload of payloads) {
            const frame = document.createElement("iframe");
            frame.srcdoc = `<!doctype html><body>${payload}</body>`;
            document.body.append(frame);
          }
        }""",
        list(PAYLOADS),
    )
    await eventually(lambda: watch.runs >= RUN_WITHOUT_DEFENCE, timeout_s=30)
    await context.close()


async def signed_in(service: Service, context: BrowserContext) -> BrowserContext:
    """By somebody who may see everything."""
    accounts, port = service.app[ACCOUNTS], service.base.rpartition(":")[2]
    await add_session(accounts, await add_user(accounts, role=UserRole.ADMIN), "hostile")
    await context.add_cookies([{"name": f"sidecar-{port}", "value": "hostile", "url": service.base}])
    return context


async def fill_webhooks(service: Service, port: int) -> list[str]:
    """Endpoints with payloads for addresses and descriptions; the first is told of lines."""
    made = []
    # What no address may have comes last, so that most addresses have their payloads as they are.
    printable = sorted(filter(str.isprintable, PAYLOADS), key=lambda payload: "#" in payload or "\\" in payload)
    texts = _packed(printable, DESCRIPTION_LENGTH_MOST, " ")
    for n, text in enumerate(texts):
        types = ["utterance.*"] if n == 0 else ["conference.ended"]
        for address in (text.strip().replace(" ", "/"), quote(text)):  # HTML takes a slash for a blank
            wish = {"url": f"http://127.0.0.1:{port}/?{address}", "description": text, "types": types}
            async with service.http.post(service.base + ENDPOINTS, json=wish) as answer:
                if answer.status == 201:
                    made.append((await answer.json())["id"])
                    break
    assert len(made) == len(texts)
    return made


async def fill_call(service: Service) -> str:
    """A call in which everybody is called by a payload and says one, and one more call in each room of such a name."""
    told: list[Draft] = []
    for n, payload in enumerate(PAYLOADS):
        told += await speak(service, f"a{n}", "everybody", payload)
        told += await speak(service, f"b{n}", payload, payload)
    await service.app[EVENT_WRITER].submit(told)
    calls = {draft.conference for draft in told}
    assert len(calls) >= len(PAYLOADS)
    await eventually(lambda: len(service.app[WALLBOARD_STATE].rows("")) == len(calls))
    return told[0].conference


async def speak(service: Service, key: str, room: str, payload: str) -> list[Draft]:
    """Somebody of that name in that room says it."""
    now = service.app[CLOCK].now()
    wish = fork_request(
        f"CA{key:0>32}", room=room, tenant="", label=f"{payload[:60]}{key}", name=payload, conference_id=f"cnf_{key}",
        participant_id=f"par_{key}", fork_id=f"frk_{key}", now=now, token_expires_at=now + timedelta(minutes=1),
    )  # fmt: skip
    bound = await service.app[DIRECTORY].open_fork(wish)
    who = bound.participant
    facts = (
        ConferenceStarted(room=room, conference_sid=None),
        ParticipantJoined(
            participant=who.id, call_sid=who.call_sid, label=who.label, name=payload, role=Role.CUSTOMER, at_ms=0
        ),
        utterance(bound, 1, text=payload),
    )
    return [
        Draft(id=f"evt_{key}_{n}", conference=bound.conference.id, timestamp=now, data=fact)
        for n, fact in enumerate(facts)
    ]


async def deliveries(service: Service, endpoint: str) -> list[str]:
    """The pages of what it was told, once each was answered: lines in batches, and a sample for each answer."""
    for _ in _packed():
        async with service.http.post(f"{service.base}{ENDPOINTS}/{endpoint}/test") as answer:
            assert answer.status == 202
    async with asyncio.timeout(30):
        while True:
            told = (await service.get(f"{ENDPOINTS}/{endpoint}/deliveries"))["data"]
            lines = sum(one["events"] for one in told if one["type"] == "utterance.batch")
            if lines == 2 * len(PAYLOADS) and all(one["attempts_made"] for one in told):
                return [f"/settings/webhooks/{endpoint}/deliveries/{one['id']}" for one in told]
            await asyncio.sleep(0.1)
