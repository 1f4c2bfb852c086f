"""The page's reducer reads the shared cases as sidecar.domain.blocks does; and what it alone knows: partials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from sidecar.domain.blocks import BLOCK_JOIN_MS
from sidecar.domain.system_words import SYSTEM_WORDS
from tests.browser.call import ServiceProcess

GOLDEN = Path(__file__).parents[1] / "golden" / "blocks"
CASES = sorted(GOLDEN.glob("*.json"))

READ = """async ([path, options, events, twice]) => {
  const { Store } = await import(path);
  const store = new Store({ ...options, clockZeroMs: Math.floor(Date.parse(options.clockZero)) });
  for (const event of twice ? events.flatMap(e => [e, e]) : events) store.take(event);
  const row = (r, n) => ({
    utterance: { kind: r.kind, key: r.key, participant: r.participant, at_ms: r.at_ms, end_ms: r.end_ms,
      revision: r.revision, text: r.text, coaching: r.coaching, late: r.late,
      opens_block: store.opensBlock(store.rows[n - 1], r),
      cut: r.cut,
      ...(r.partial && { partial: true }) },
    gap: { kind: r.kind, key: r.key, participant: r.participant, at_ms: r.at_ms, to_ms: r.to_ms, reason: r.reason,
      detail: r.detail },
    note: { kind: r.kind, key: r.key, at_ms: r.at_ms, text: r.text, by: r.by, participant: r.participant },
    system: { kind: r.kind, key: r.key, type: r.type, at_ms: r.at_ms, participant: r.participant,
      by: r.by, reason: r.reason, utterances: r.utterances, gaps: r.gaps, gap_ms: r.gap_ms },
  })[r.kind];
  return {
    seq: store.seq, rows: store.rows.map(row),
    people: [...store.people.values()]
      .map(({ leftMs, talkMs, heldMs, health, behindMs, ...rest }) => ({ ...rest,
        left_ms: leftMs, talk_ms: talkMs, held_ms: heldMs })),
    started_ms: store.startedMs, ended_ms: store.endedMs, completed: store.completed, paused: store.paused,
    speech_ms: store.speechMs, gaps: store.gaps, gap_ms: store.gapMs, shares: Object.fromEntries(store.shares()),
  };
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, shared_service: ServiceProcess) -> Iterator[Page]:
    """Any page with a script; the reducer needs nothing of it."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{shared_service.url}/login")
    yield page
    context.close()


def read(page: Page, case: dict[str, Any], *, twice: bool = False) -> dict[str, Any]:
    """What the reducer makes of a case. ``twice``: every event is delivered twice."""
    path = page.locator('script[type="module"]').get_attribute("src")
    assert path is not None
    options = {
        "clockZero": case["clock_zero"],
        "roster": case["roster"],
        "blockJoinMs": BLOCK_JOIN_MS,
        "systemWords": SYSTEM_WORDS,
    }
    store = path.rpartition("/")[0] + "/store.js"
    result: dict[str, Any] = page.evaluate(READ, [store, options, case["events"], twice])
    return result


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_each_shared_case_reads_as_expected(page: Page, path: Path) -> None:
    case = json.loads(path.read_text())
    assert read(page, case) == case["expect"], case["says"]


def test_events_that_come_twice_change_nothing(page: Page) -> None:
    case = json.loads((GOLDEN / "people.json").read_text())
    assert read(page, case, twice=True) == case["expect"]


def test_a_type_of_a_later_version_is_passed_over(page: Page) -> None:
    case = json.loads((GOLDEN / "order_of_speech.json").read_text())
    later = {"type": "mood.changed", "seq": 7, "timestamp": "2026-11-01T12:41:20Z", "data": {"text": "call back"}}
    case["events"].append(later)
    assert read(page, case) == case["expect"] | {"seq": 7}


def partial(text: str, **changes: Any) -> dict[str, Any]:
    data = {"id": "utt_p", "participant": "par_a", "start_ms": 5000, "end_ms": 6000, "text": text, "lag_ms": 1}
    return {"type": "utterance.partial", "seq": None, "timestamp": "2026-11-01T12:41:06Z", "data": data | changes}


def final(seq: int, text: str, **changes: Any) -> dict[str, Any]:
    data = {"id": "utt_p", "participant": "par_a", "revision": 1, "start_ms": 5000, "end_ms": 6400, "text": text}
    return {"type": "utterance.final", "seq": seq, "timestamp": "2026-11-01T12:41:07Z", "data": data | changes}


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        ([partial("So"), partial("So I")], [("So I", True)]),
        ([partial("So"), partial("")], []),
        ([partial("So"), final(1, "So I would.")], [("So I would.", False)]),
        ([final(1, "So I would."), partial("So I")], [("So I would.", False)]),
        ([final(1, "So I would."), partial("")], [("So I would.", False)]),
        (
            [partial("later"), final(1, "Before.", id="utt_a", start_ms=4000)],
            [("Before.", False), ("later", True)],
        ),
        (
            [
                partial("cut off"),
                partial("goes on", id="utt_q", participant="par_b"),
                {"type": "fork.interrupted", "seq": 1, "timestamp": "2026-11-01T12:41:07Z",
                 "data": {"participant": "par_a", "at_ms": 7000}},
            ],
            [("goes on", True)],
        ),
    ],
    ids=["grows", "clears", "becomes final", "late", "late and empty", "keeps its place", "is cut off"],
)  # fmt: skip
def test_a_partial(page: Page, events: list[dict[str, Any]], wanted: list[tuple[str, bool]]) -> None:
    case = {"clock_zero": "2026-11-01T12:41:00Z", "roster": [], "events": events}
    rows = read(page, case)["rows"]
    assert [(row["text"], row.get("partial", False)) for row in rows if row["kind"] == "utterance"] == wanted
