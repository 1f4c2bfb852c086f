"""GET /: the live calls as first painted, those that ended lately, and how to get the first one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sidecar.domain.events import ConferenceEnded, ConferenceStarted, EventData
from sidecar.domain.webhooks.endpoints import EndpointChange, EndpointState
from sidecar.runtime.wallboard import LINGER
from tests.facts import draft, open_call, utterance, webhook_endpoint
from tests.unit.server.pages.conftest import Pages

STARTED = ConferenceStarted(room="support", conference_sid=None)
ENDED = ConferenceEnded(reason="over", at_ms=65_000)


@asynccontextmanager
async def seeded(pages: Pages) -> AsyncIterator[None]:
    """With a board that has read what is stored."""
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(10):
        running = tasks.create_task(pages.board.run(), name="wallboard")
        while not pages.board.ready:
            await asyncio.sleep(0.005)
        yield
        running.cancel()


async def store(pages: Pages, conference_id: str, *facts: EventData) -> None:
    await pages.log.append([draft(conference_id, fact, at=pages.clock.now()) for fact in facts])


async def page(pages: Pages) -> str:
    return await (await pages.client.get("/")).text()


async def test_an_empty_board_says_how_to_make_the_first_call_appear(pages: Pages) -> None:
    async with seeded(pages):
        html = await page(pages)
    assert '<section class="empty-state" id="empty" aria-label="How to get the first call">' in html
    assert "<code>https://sidecar.example/twilio/voice</code>" in html
    assert "sidecar demo" in html
    assert '<div class="card" id="board" hidden>' in html
    assert "<title>Sidecar</title>" in html


async def test_a_board_that_is_still_being_read_does_not_claim_that_nobody_calls(pages: Pages) -> None:
    html = await page(pages)
    assert 'id="empty" aria-label="How to get the first call" hidden>' in html
    assert '<div class="card reading" id="reading" aria-busy="true">' in html


async def test_a_live_call_is_painted_with_its_state_people_last_line_and_a_link(pages: Pages) -> None:
    bound = await open_call(pages.directory, room="Harbor <Bikes>")
    await store(pages, bound.conference.id, STARTED, utterance(bound, 0, text="Hello <b>there</b>"))
    pages.clock.pass_ms(67_000)
    async with seeded(pages):
        html = await page(pages)
    assert f'<a href="/conferences/{bound.conference.id}"' in html
    assert '<bdi class="room" data-slot="room">Harbor &lt;Bikes&gt;</bdi>' in html
    assert '<bdi class="said" data-slot="said">Hello &lt;b&gt;there&lt;/b&gt;</bdi>' in html
    assert '<bdi class="name" data-slot="name">Ana</bdi>' in html
    assert '<td class="time number" data-slot="time">01:06</td>' in html
    assert "<title>(1) Sidecar</title>" in html
    assert '<span class="meta" id="counts">1 live</span>' in html


async def test_ended_calls_are_listed_below_once_they_left_the_board(pages: Pages) -> None:
    bound = await open_call(pages.directory, room="over")
    await store(pages, bound.conference.id, STARTED, ENDED)
    async with seeded(pages):
        board, ended = (await page(pages)).split('id="ended"')
        assert bound.conference.id in board
        assert bound.conference.id not in ended
    pages.clock.pass_ms(LINGER.total_seconds() * 1000 + 1)
    async with seeded(pages):
        while pages.board.rows(""):
            await asyncio.sleep(0.005)
        board, ended = (await page(pages)).split('id="ended"')
        assert bound.conference.id not in board
        assert (
            f'<a href="/conferences/{bound.conference.id}" data-slot="link"><bdi data-slot="room">over</bdi>' in ended
        )


async def test_a_store_that_cannot_be_read_costs_the_ended_calls_only(pages: Pages) -> None:
    bound = await open_call(pages.directory)
    async with seeded(pages):
        pages.directory.broken = True
        answer = await pages.client.get("/")
        html = await answer.text()
    assert answer.status == 200
    assert bound.conference.id in html
    assert "The ended calls cannot be read just now." in html


async def test_endpoints_that_were_switched_off_are_told_to_who_may_change_that(pages: Pages) -> None:
    await pages.webhooks.add(webhook_endpoint("whe_1"), secret="whsec_1")
    await pages.webhooks.add(webhook_endpoint("whe_2", state=EndpointState.DISABLED), secret="whsec_2")
    async with seeded(pages):
        html = await page(pages)
        assert "1 webhook endpoint was switched off after failing" in html
        assert 'href="/settings/webhooks"' in html
        by_person = EndpointChange(state=EndpointState.DISABLED)
        await pages.webhooks.change("whe_1", by_person, tenant="", now=pages.clock.now())
        assert "1 webhook endpoint was" in await page(pages)
        enabled = EndpointChange(state=EndpointState.ENABLED)
        await pages.webhooks.change("whe_2", enabled, tenant="", now=pages.clock.now())
        assert "webhook endpoint" not in await page(pages)
