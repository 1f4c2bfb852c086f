"""Who reads what of one connection, and the hub behind it: rules first, then many tabs against the real service."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.call import Call, ServiceProcess
from tests.browser.conftest import NewPage

# A model of the server: a log per topic, and a connection that goes through it from where it was asked to.
PLAY = """async ([folder, plays]) => {
  const { Readers } = await import(`${folder}/stream_readers.js`);
  return plays.map((steps) => {
    const readers = new Readers();
    const log = { "conference:a": 0, "conference:b": 0 };
    const got = {};
    let connection = {};
    let wanted = false;
    const open = () => {
      const query = readers.query();
      connection = Object.fromEntries(query.getAll("topic").map((topic) => [topic, 0]));
      for (const after of query.getAll("after")) {
        const [conference, seq] = after.split(":");
        connection[`conference:${conference}`] = Number(seq);
      }
      readers.ready("e");
      wanted = false;
    };
    const deliver = (topic) => {
      if (!(topic in connection) || connection[topic] === log[topic]) return false;
      for (const key of readers.durable(topic, ++connection[topic])) got[key].seqs.push(connection[topic]);
      return true;
    };
    for (const [step, topic, n] of steps) {
      if (step === "log") log[topic] += n;
      else if (step === "deliver") for (let i = 0; i < n; i++) deliver(topic);
      else if (step === "open") open();
      else if (step === "leave") readers.leave(n);
      else {
        const from = Math.max(0, log[topic] - n % 5);
        got[n] = { topic, from, seqs: [] };
        wanted = readers.join(n, { topic, epoch: "e", seq: from }) || wanted;
      }
      if (step === "leave" && got[n]) got[n].left = true;
    }
    if (wanted) open();
    for (const topic of Object.keys(log)) while (deliver(topic));
    return { log, readers: Object.values(got) };
  });
}"""


def folder(page: Page, service: ServiceProcess) -> str:
    """Where the page's modules are."""
    page.goto(service.url)
    path = page.locator('script[type="module"]').get_attribute("src")
    assert path is not None
    return path.rpartition("/")[0]


def a_play(seed: int) -> list[tuple[str, str, int]]:
    """People speak, tabs come and go, the connection is as slow as it likes and breaks when it likes."""
    chance = random.Random(seed)
    tabs = iter(range(100))
    steps = [("join", "conference:a", next(tabs)), ("open", "", 0)]
    for _ in range(40):
        topic = chance.choice(["conference:a", "conference:b"])
        match chance.choice(["log", "log", "deliver", "deliver", "join", "open", "leave"]):
            case "join":
                steps.append(("join", topic, next(tabs)))
            case step:
                steps.append((step, topic, chance.randint(0, 6)))
    return steps


def test_however_tabs_come_and_go_each_gets_every_event_behind_its_page_once(
    page: Page, shared_service: ServiceProcess
) -> None:
    plays = [a_play(seed) for seed in range(400)]
    results = page.evaluate(PLAY, [folder(page, shared_service), plays])
    for seed, result in enumerate(results):
        for reader in result["readers"]:
            last = result["log"][reader["topic"]]
            wanted = list(range(reader["from"] + 1, last + 1))
            if reader.get("left"):
                wanted = wanted[: len(reader["seqs"])]
            assert reader["seqs"] == wanted, f"seed {seed}"


STEPS = """async ([folder, steps]) => {
  const { Readers } = await import(`${folder}/stream_readers.js`);
  const readers = new Readers();
  return steps.map(([name, ...args]) => {
    const result = readers[name](...args);
    return result instanceof URLSearchParams ? result.toString() : result ?? null;
  });
}"""
A, B = "conference:a", "conference:b"


@pytest.mark.parametrize(
    "steps",
    [
        [
            (["join", 1, {"topic": A, "epoch": "e", "seq": 7}], True),
            (["join", 2, {"topic": A, "epoch": "e", "seq": 4}], True),
            (["join", 3, {"topic": "wallboard"}], True),
            (["join", 4, {"topic": B, "epoch": "e", "seq": 0}], True),
            (["query"], "topic=conference%3Aa&topic=wallboard&topic=conference%3Ab&epoch=e&after=a%3A4"),
            (["ready", "e"], []),
            (["durable", A, 5], [2]),
        ],
        [
            (["join", 1, {"topic": A, "epoch": "e", "seq": 3}], True),
            (["query"], "topic=conference%3Aa&epoch=e&after=a%3A3"),
            (["ready", "e"], []),
            (["join", 2, {"topic": A, "epoch": "e", "seq": 3}], False),
            (["durable", A, 4], [1, 2]),
            (["join", 3, {"topic": A, "epoch": "e", "seq": 9}], False),
            (["durable", A, 5], [1, 2]),
            (["passing", A], [1, 2, 3]),
        ],
        [
            (["join", 1, {"topic": "wallboard"}], True),
            (["query"], "topic=wallboard"),
            (["ready", "e"], []),
            (["passing", "wallboard"], [1]),
            (["join", 2, {"topic": "wallboard"}], True),
            (["passing", "wallboard"], [1]),
            (["query"], "topic=wallboard"),
            (["passing", "wallboard"], [1, 2]),
        ],
        [
            (["join", 1, {"topic": A, "epoch": "old", "seq": 9}], True),
            (["join", 2, {"topic": A, "epoch": "new", "seq": 2}], True),
            (["query"], "topic=conference%3Aa&epoch=new&after=a%3A2"),
            (["ready", "new"], [1]),
            (["gap", {"reason": "other_epoch", "topics": [A]}], []),
            (["durable", A, 1], [1]),
            (["durable", A, 2], [1]),
            (["durable", A, 3], [1, 2]),
        ],
        [
            (["join", 1, {"topic": A, "epoch": "e", "seq": 5}], True),
            (["query"], "topic=conference%3Aa&epoch=e&after=a%3A5"),
            (["ready", "e"], []),
            (["durable", A, 8], [1]),
            (["durable", A, 8], []),
            (["gap", {"reason": "history_gone", "topics": [A]}], [1]),
            (["gap", {"reason": "history_gone", "topics": [A]}], []),
            (["durable", A, 3], [1]),
        ],
    ],
    ids=["lowest seq", "in step", "state", "another epoch", "unknown types, and a gap"],
)
def test_readers_of_a_connection(
    page: Page, shared_service: ServiceProcess, steps: list[tuple[list[Any], object]]
) -> None:
    got = page.evaluate(STEPS, [folder(page, shared_service), [step for step, _ in steps]])
    assert got == [wanted for _, wanted in steps]


def test_tries_come_after_1_2_4_to_30_seconds_and_never_all_at_once(page: Page, shared_service: ServiceProcess) -> None:
    waits = page.evaluate(
        """async (folder) => {
          const { backoff } = await import(`${folder}/stream_line.js`);
          return [0, 0.5, 1].map((chance) => [0, 1, 2, 3, 4, 5, 50].map((failures) => backoff(failures, chance)));
        }""",
        folder(page, shared_service),
    )
    middle = [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    assert waits == [[ms * share for ms in middle] for share in (0.75, 1, 1.25)]


# Tabs without pages: a port each, and what came through it.
TABS = """async ([folder, topics]) => {
  const { StreamHub } = await import(`${folder}/stream_hub.js`);
  const hub = new StreamHub();
  window.tabs = topics.map((topic) => {
    const { port1, port2 } = new MessageChannel();
    const tab = { port: port1, phase: "", texts: [], kinds: new Set(), answers: true };
    port1.onmessage = ({ data }) => {
      tab.kinds.add(data.kind);
      if (data.kind === "state") tab.phase = data.phase;
      if (data.kind === "event") tab.texts.push(data.event.data.text);
      if (data.kind === "ask" && tab.answers) port1.postMessage({ kind: "here" });
    };
    hub.add(port2);
    tab.join = () => port1.postMessage({ kind: "join", topic, epoch: null, seq: null });
    tab.join();
    return tab;
  });
}"""


def a_quiet_page(new_page: NewPage, service: ServiceProcess) -> tuple[Page, str]:
    """A page of the service's that opens no stream itself, and where the modules are."""
    page = new_page(may_fail=True, bypass_csp=True)
    path = folder(page, service)
    page.goto(f"{service.url}/conferences/nowhere")
    return page, path


def test_more_than_twenty_calls_share_a_second_stream_and_more_than_sixty_are_told_so(
    new_page: NewPage, own_service: ServiceProcess
) -> None:
    page, path = a_quiet_page(new_page, own_service)
    calls = [Call(own_service) for _ in range(61)]
    speakers = [call.expect("Maya") for call in calls]
    page.evaluate(TABS, [path, [f"conference:{call.id}" for call in calls[:21]]])
    page.wait_for_function("tabs.every((tab) => tab.phase === 'open')")
    own_service.waits_until("/test/streams", lambda answer: answer["open"] == 2)
    for call, maya in zip(calls[:21], speakers, strict=False):
        call.say(maya, call.room)
    page.wait_for_function("tabs.every((tab) => tab.texts.length === 1)")
    assert page.evaluate("tabs.map((tab) => tab.texts[0])") == [call.room for call in calls[:21]]
    page.evaluate("for (const tab of tabs) tab.port.postMessage({ kind: 'leave' })")
    own_service.waits_until("/test/streams", lambda answer: answer["open"] == 0)

    page.evaluate(TABS, [path, [f"conference:{call.id}" for call in calls]])
    page.wait_for_function("tabs.every((tab) => tab.phase === 'open' || tab.phase === 'full')")
    assert page.evaluate("tabs.map((tab) => tab.phase)") == [*["open"] * 60, "full"]
    assert own_service.get("/test/streams")["open"] == 3
    page.evaluate("tabs[0].port.postMessage({ kind: 'leave' }), tabs[60].join()")
    page.wait_for_function("tabs[60].phase === 'open'")


def test_a_tab_that_answers_no_more_is_given_up_and_may_come_back(
    new_page: NewPage, own_service: ServiceProcess
) -> None:
    page, path = a_quiet_page(new_page, own_service)
    page.clock.install()
    page.reload()
    call = Call(own_service)
    call.expect("Maya")
    page.evaluate(TABS, [path, ["wallboard", f"conference:{call.id}"]])
    page.wait_for_function("tabs.every((tab) => tab.phase === 'open')")
    page.evaluate("for (const tab of tabs) tab.answers = false")
    page.clock.run_for(30_000)
    page.evaluate("tabs[0].answers = true, tabs[0].port.postMessage({ kind: 'here' })")
    page.clock.run_for(32_000)
    page.evaluate("tabs[1].port.postMessage({ kind: 'here' })")
    page.wait_for_function("tabs[1].kinds.has('lost')")
    assert not page.evaluate("tabs[0].kinds.has('lost')")
    page.evaluate("tabs[0].port.postMessage({ kind: 'leave' })")
    own_service.waits_until("/test/streams", lambda answer: answer["open"] == 0)
    page.evaluate("tabs[1].phase = '', tabs[1].join()")
    page.clock.run_for(1_000)
    page.wait_for_function("tabs[1].phase === 'open'")
