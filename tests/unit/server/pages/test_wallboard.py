"""GET /: the calls, and an empty list that says how to get the first one."""

from __future__ import annotations

from sidecar.domain.events import ConferenceStarted
from tests.facts import draft, open_call
from tests.unit.server.pages.conftest import Pages


async def test_an_empty_list_says_how_to_make_the_first_call_appear(pages: Pages) -> None:
    html = await (await pages.client.get("/")).text()
    assert "No calls yet" in html
    assert "<code>https://sidecar.example/twilio/voice</code>" in html
    assert "<table" not in html


async def test_calls_are_listed_with_state_room_people_and_a_link(pages: Pages) -> None:
    bound = await open_call(pages.directory, room="Harbor <Bikes>")
    html = await (await pages.client.get("/")).text()
    assert f'<a href="/conferences/{bound.conference.id}"><bdi>Harbor &lt;Bikes&gt;</bdi></a>' in html
    assert "Waiting</span>" in html
    assert "Ana" in html


async def test_a_head_request_tells_by_its_etag_that_a_call_came_or_changed_state(pages: Pages) -> None:
    async def version() -> str:
        return (await pages.client.head("/")).headers["ETag"]

    seen = [await version()]
    assert await version() == seen[0]
    bound = await open_call(pages.directory)
    seen.append(await version())
    await pages.log.append([draft(bound.conference.id, ConferenceStarted(room="support", conference_sid=None))])
    seen.append(await version())
    assert len(set(seen)) == 3
    pages.clock.pass_ms(60_000)
    assert await version() == seen[-1]


async def test_a_store_that_cannot_be_read_is_a_503_page(pages: Pages) -> None:
    pages.directory.broken = True
    answer = await pages.client.get("/")
    assert answer.status == 503
    assert "The calls cannot be read just now" in await answer.text()
