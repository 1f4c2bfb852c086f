"""GET /history: calls and lines as first painted, with filters, pages and nothing to show."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

from sidecar.domain.conference.values import Role
from sidecar.domain.events import ConferenceEnded, ConferenceStarted
from sidecar.server.pages.history import PAGE_ROWS
from tests.facts import NOON, draft, fork_request, said
from tests.unit.server.pages.conftest import Pages


async def call(pages: Pages, n: int, *, ended: bool = False, **changes: Any) -> str:
    """The n-th call; each begins an hour after the one before. Returns its id."""
    now = NOON + timedelta(hours=n)
    wish: dict[str, Any] = {"room": f"room {n}", "now": now} | changes
    bound = await pages.directory.open_fork(fork_request(f"CA{n}", **wish))
    id_ = bound.conference.id
    facts = [draft(id_, ConferenceStarted(room="", conference_sid=None)), said(bound, 5, text=f"A refund <b>{n}</b>")]
    if ended:
        facts.append(draft(id_, ConferenceEnded(reason="over", at_ms=65_000), at=now + timedelta(seconds=65)))
    await pages.log.append(facts)
    return id_


async def shown(pages: Pages, query: str = "", *, status: int = 200) -> str:
    answer = await pages.client.get(f"/history{query}")
    assert answer.status == status
    return await answer.text()


def rooms(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/conferences/\w+"><bdi>(.*?)</bdi>', html)


async def test_calls_are_listed_newest_first_with_state_people_and_duration(pages: Pages) -> None:
    await call(pages, 1, ended=True, name="Ana <Müller>")
    await call(pages, 2)
    html = await shown(pages)
    assert rooms(html) == ["room 2", "room 1"]
    assert "Ana &lt;Müller&gt;" in html
    assert "01:05" in html
    assert "2026-03-01 13:00 UTC" in html
    assert "Clear" not in html


async def test_filters_narrow_the_list_and_stay_in_the_form(pages: Pages) -> None:
    await call(pages, 1, ended=True, name="Ana Müller")
    await call(pages, 2, name="Ben", label="agent")
    await call(pages, 30, name="Ana", role=Role.CUSTOMER)
    assert rooms(await shown(pages, "?state=ended")) == ["room 1"]
    assert rooms(await shown(pages, "?agent=ana+mu")) == ["room 1"]
    assert rooms(await shown(pages, "?room=ROOM+3")) == ["room 30"]
    assert rooms(await shown(pages, "?from=2026-03-01&to=2026-03-01")) == ["room 2", "room 1"]
    html = await shown(pages, "?state=ended&agent=%22%3E%3Cscript%3E&from=2026-03-01")
    assert '<option value="ended" selected>' in html
    assert 'name="agent" value="&#34;&gt;&lt;script&gt;"' in html
    assert "No call fits all of these filters" in html
    assert 'href="/history">' in html


async def test_a_search_marks_its_hits_as_text_and_links_to_the_moment(pages: Pages) -> None:
    conference = await call(pages, 1)
    await call(pages, 2)
    html = await shown(pages, "?q=REFUND+1&agent=ana")
    [(path, text)] = re.findall(r'<li .*?<a href="(.*?)">.*?<p class="text" dir="auto">(.*?)</p>', html, re.DOTALL)
    assert text == "A <mark>refund</mark> &lt;b&gt;<mark>1</mark>&lt;/b&gt;"
    assert re.fullmatch(rf"/conferences/{conference}#u-utt_\d+", path)
    assert '<span class="at">00:05</span>' in html
    assert 'value="REFUND 1"' in html
    assert "<title>Search · Sidecar</title>" in html


async def test_the_days_of_a_search_are_those_on_which_it_was_said(pages: Pages) -> None:
    await call(pages, 11, now=NOON.replace(hour=23, minute=59, second=56))
    assert "refund" in await shown(pages, "?q=refund&from=2026-03-02")
    assert "Nobody said that" in await shown(pages, "?q=refund&to=2026-03-01")


async def test_pages_follow_each_other_and_lead_back(pages: Pages) -> None:
    for n in range(PAGE_ROWS + 3):
        await call(pages, n)
    for query in ("", "?q=refund"):
        seen: list[str] = []
        href = f"/history{query}"
        while href:
            html = await shown(pages, href.removeprefix("/history"))
            seen += rooms(html) or re.findall(r'<bdi class="room">(.*?)</bdi>', html)
            older = re.search(r'href="([^"]*)" rel="next"', html)
            href = unescape(older[1]) if older else ""
        assert seen == [f"room {n}" for n in reversed(range(PAGE_ROWS + 3))]
        assert f'href="/history{query}"' in html


async def test_nothing_to_show_says_why(pages: Pages) -> None:
    assert "Calls appear here as soon as they begin" in await shown(pages)
    assert "Nobody said that" in await shown(pages, "?q=refund")


async def test_a_search_that_cannot_be_is_told_beside_the_form(pages: Pages) -> None:
    html = await shown(pages, '?q="open+<script>', status=422)
    assert "A quotation mark is not closed." in html
    assert 'value="&#34;open &lt;script&gt;"' in html
    assert "neither a day nor a moment" in await shown(pages, "?from=soon", status=422)
    assert "at most 500" in await shown(pages, f"?q={'x' * 4000}", status=422)


async def test_a_cursor_that_is_none_is_a_page_that_says_so(pages: Pages) -> None:
    for after in ("x", "WyJub25lIl0", "WzFd", "WyIyMDI2LTAzLTAxIiwieCJd"):
        assert "cursor_invalid" in await shown(pages, f"?after={after}", status=400)
