"""GET /conferences/{id}: the first paint, by either id, and what happens when there is nothing to paint."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sidecar.domain.conference.values import Role
from sidecar.domain.events import ConferenceStarted, ParticipantJoined, TranscriptGap
from sidecar.ports.directory import BoundFork
from tests.facts import draft, open_call, said
from tests.unit.server.pages.conftest import Pages


async def a_call(pages: Pages, *, lines: int = 1, text: str = "Good morning.") -> BoundFork:
    """Ana on a call that has started, with some lines."""
    bound = await open_call(pages.directory)
    conference, who = bound.conference.id, bound.participant
    joined = ParticipantJoined(
        participant=who.id, call_sid=who.call_sid, label="agent", name="Ana", role=Role.AGENT, at_ms=0
    )
    facts = [draft(conference, joined), draft(conference, ConferenceStarted(room="support", conference_sid=None))]
    await pages.log.append([*facts, *(said(bound, n, text=f"{text} {n}") for n in range(lines))])
    return bound


async def html_of(pages: Pages, id_: str) -> str:
    answer = await pages.client.get(f"/conferences/{id_}")
    assert answer.status == 200
    return await answer.text()


def history(html: str) -> dict[str, Any]:
    """What the page's script starts from."""
    found = re.search(r'<script type="application/json" id="history">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    result: dict[str, Any] = json.loads(found[1])
    return result


async def test_the_first_paint_holds_the_lines_and_the_position_behind_them(pages: Pages) -> None:
    bound = await a_call(pages, lines=3)
    html = await html_of(pages, bound.conference.id)
    assert "Good morning. 2" in html
    embedded = history(html)
    assert [event["seq"] for event in embedded["events"]] == [1, 2, 3, 4, 5]
    assert (embedded["epoch"], embedded["seq"]) == (await pages.log.epoch(), 5)


async def test_of_a_long_call_the_newest_lines_are_embedded_and_painted(pages: Pages) -> None:
    bound = await a_call(pages, lines=1200)
    html = await html_of(pages, bound.conference.id)
    embedded = history(html)
    assert [event["seq"] for event in embedded["events"]] == [1, 2, *range(903, 1203)]
    painted = re.findall(r'<p class="text" dir="auto"><span data-slot="text">Good morning. (\d+)</span></p>', html)
    assert [int(n) for n in painted] == list(range(900, 1200))
    assert embedded["seq"] == 1202


async def test_what_is_not_embedded_is_in_the_sums(pages: Pages) -> None:
    bound = await a_call(pages, lines=1200)
    html = await html_of(pages, bound.conference.id)
    older = history(html)["older"]
    assert older["talk_ms"] == {bound.participant.id: 900 * 900}
    assert (older["first_ms"], older["last_ms"]) == (0, 1199 * 1000 + 900)
    assert older["oldest"]["start_ms"] == 900_000
    assert "agent · 90 %" in html


async def test_a_short_call_has_nothing_above_its_first_line(pages: Pages) -> None:
    bound = await a_call(pages, lines=300)
    html = await html_of(pages, bound.conference.id)
    assert history(html)["older"] is None
    assert '<div class="older" id="older" hidden>' in html


async def test_the_provider_s_id_leads_to_the_same_page(pages: Pages) -> None:
    bound = await a_call(pages)
    await pages.directory.bind_conference(bound.conference.id, "CF" + "1" * 32)
    assert history(await html_of(pages, "CF" + "1" * 32))["conference"]["id"] == bound.conference.id


async def test_an_unknown_call_is_a_404_page_with_a_next_step(pages: Pages) -> None:
    answer = await pages.client.get("/conferences/cnf_<b>")
    html = await answer.text()
    assert answer.status == 404
    assert "There is no conference cnf_&lt;b&gt;." in html
    assert "Check the link" in html
    assert "not_found" in html


async def test_a_store_that_cannot_be_read_is_a_503_page_that_says_when_to_try_again(pages: Pages) -> None:
    pages.directory.broken = True
    answer = await pages.client.get("/conferences/cnf_1")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "The disk is away." in await answer.text()


async def test_pages_carry_a_strict_policy_errors_included(pages: Pages) -> None:
    bound = await a_call(pages)
    for path in (f"/conferences/{bound.conference.id}", "/conferences/nothing", "/"):
        headers = (await pages.client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


async def test_nothing_on_the_page_is_inline_so_that_the_policy_holds(pages: Pages) -> None:
    html = await html_of(pages, (await a_call(pages)).conference.id)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", html)
    assert not re.search(r"<style|\sstyle=|\son\w+=", html)


async def test_hostile_speech_stays_inside_its_elements(pages: Pages) -> None:
    bound = await a_call(pages, text="</script><script>alert(1)</script>")
    html = await html_of(pages, bound.conference.id)
    assert "<script>alert" not in html
    assert history(html)["events"][2]["data"]["text"] == "</script><script>alert(1)</script> 0"


async def test_of_an_utterance_only_what_is_shown_is_embedded(pages: Pages) -> None:
    bound = await a_call(pages, lines=0)
    await pages.log.append([said(bound, 7)])
    embedded = history(await html_of(pages, bound.conference.id))
    assert set(embedded["events"][-1]["data"]) == {
        "id",
        "participant",
        "cut",
        "revision",
        "start_ms",
        "end_ms",
        "text",
        "coaching",
        "late",
    }


async def test_a_gap_is_painted_with_whose_when_and_why(pages: Pages) -> None:
    bound = await a_call(pages)
    gap = TranscriptGap(
        participant=bound.participant.id, fork=bound.fork.id, from_ms=21_000, to_ms=25_000, reason="service_restarted"
    )
    await pages.log.append([draft(bound.conference.id, gap)])
    text = re.sub(r"<[^>]+>", "", await html_of(pages, bound.conference.id))
    assert "4 s of Ana not transcribed, 00:21 to 00:25: service restarted" in text


async def test_somebody_who_has_not_joined_yet_is_named_from_the_roster(pages: Pages) -> None:
    bound = await open_call(pages.directory)
    html = await html_of(pages, bound.conference.id)
    assert '<h1 id="heading" title="Ana">Ana</h1>' in html
    assert "agent · joining" in html
    assert "Waiting for the first words." in html


async def test_without_a_demo_s_phone_the_page_knows_nothing_of_listening(pages: Pages) -> None:
    html = await html_of(pages, (await a_call(pages)).conference.id)
    assert 'id="listen"' not in html
    assert "/softphone" not in html


@pytest.mark.parametrize("pages", [8081], indirect=True)
async def test_with_a_demo_s_phone_a_live_call_offers_it_and_frames_come_from_there_only(pages: Pages) -> None:
    """On the host by which the page was opened; by the provider's id once it is known."""
    bound = await a_call(pages)
    path = f"/conferences/{bound.conference.id}"
    answer = await pages.client.get(path, headers={"Host": "my-machine:8080"})
    html = await answer.text()
    assert f'data-frame="//my-machine:8081/listen?room={bound.conference.room}"' in html
    assert answer.headers["Content-Security-Policy"].endswith("; frame-src my-machine:8081")
    await pages.directory.bind_conference(bound.conference.id, "CF" + "1" * 32)
    html = await (await pages.client.get(path, headers={"Host": "my-machine:8080"})).text()
    assert f'href="//my-machine:8081/softphone?conference=CF{"1" * 32}"' in html


@pytest.mark.parametrize("pages", [8081], indirect=True)
@pytest.mark.parametrize("host", ["[::1]:8080", "a;b:8080", "a b"])
async def test_a_host_that_a_policy_cannot_name_gets_the_page_without_the_phone(pages: Pages, host: str) -> None:
    """Nothing of the header reaches the policy."""
    bound = await a_call(pages)
    answer = await pages.client.get(f"/conferences/{bound.conference.id}", headers={"Host": host})
    assert answer.status == 200
    assert 'id="listen"' not in await answer.text()
    assert "frame-src" not in answer.headers["Content-Security-Policy"]
