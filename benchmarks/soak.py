"""All day: 20,000 lines in one tab, and 40 conferences on the wallboard (``make soak``). Writes docs/soak.md.

Service and pages are the real ones (``tests/browser/service.py``). The lines are told to it as a recogniser's results
would be, as fast as the browser takes them in. Chromium measures itself, by the Performance domain: nodes and heap
after a collection, and ``TaskDuration`` for the processor time of the tab.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, CDPSession, Page, expect, sync_playwright

from benchmarks import long_talk
from sidecar.cli.children import free_ports
from tests.browser.call import Call, ServiceProcess, Speaker
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.browser.service import SESSION

REPORT = Path(__file__).parents[1] / "docs" / "soak.md"
LINES = 20_000
CONFERENCES = 40
BATCH = 200
MEASURE_EACH = 4_000
# The live dot breathes for some seconds after the last words.
CALM_AFTER_S = 12.0
IDLE_S = 20.0
LOADS = 5
TAKEN_IN_TIMEOUT_MS = 60_000
SENTENCE = "the parcel is waiting at the depot and I can send it out again tomorrow morning between eight and ten"
INTRODUCTION = f"""# All day

`make soak` writes this page: one tab follows a call of {LINES:,} lines from the first to the last, another the
wallboard while {LINES:,} lines are said in {CONFERENCES} conferences. Heap is what is held after a collection. Targets:
nodes flat, heap growth under 20 MB, first paint under 300 ms, an idle tab under 2 % of a processor.

Measured on {{machine}}.
"""
FIRST_PAINT = """() => Promise.race([
  new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))
    .observe({ type: "paint", buffered: true })),
  new Promise(done => setTimeout(() => done(null), 5000)),
])"""


@dataclass
class Sample:
    """A tab after so many lines: rows in the list, DOM nodes, heap after a collection."""

    lines: int
    rows: int
    nodes: int
    heap_mb: float


def metrics(session: CDPSession) -> dict[str, float]:
    """Chromium's own figures of the tab."""
    return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}


def sample(page: Page, session: CDPSession, lines: int) -> Sample:
    """After a collection, so that only what is held counts."""
    session.send("HeapProfiler.collectGarbage")
    now = metrics(session)
    rows = page.locator("#rows > li, #calls > tr").count()
    return Sample(lines, rows, int(now["Nodes"]), now["JSHeapUsedSize"] / 1e6)


def texts(start: int) -> list[str]:
    """Lines of different length, each with its number."""
    return [f"Line {n}: {SENTENCE[: 20 + n % 80]}." for n in range(start, start + BATCH)]


def one_long_call(page: Page, session: CDPSession, call: Call, who: tuple[Speaker, Speaker]) -> Iterator[Sample]:
    """The page of a call that is followed from its first line to its last."""
    page.goto(call.url)
    page.wait_for_selector("#connection[data-state=live]")
    for start in range(0, LINES, BATCH):
        call.say_many(who[start // BATCH % 2], texts(start))
        page.get_by_text(f"Line {start + BATCH - 1}:").wait_for(timeout=TAKEN_IN_TIMEOUT_MS)
        if (start + BATCH) % MEASURE_EACH == 0 or start + BATCH == 1_000:
            yield sample(page, session, start + BATCH)


def many_calls(page: Page, session: CDPSession, calls: list[tuple[Call, Speaker]]) -> Iterator[Sample]:
    """The wallboard while as many lines are said in forty conferences."""
    page.goto(calls[0][0].service.url)
    expect(page.locator("#calls > tr")).to_have_count(CONFERENCES, timeout=TAKEN_IN_TIMEOUT_MS)
    told = measured = 0
    while told < LINES:
        for call, who in calls:
            call.say_many(who, texts(told)[: BATCH // 4])
            told += BATCH // 4
        if told >= measured + MEASURE_EACH or not measured or told >= LINES:
            measured = told
            yield sample(page, session, told)


def idle_share(page: Page, session: CDPSession) -> float:
    """Percent of one processor that a tab takes in which nothing happens."""
    page.wait_for_timeout(CALM_AFTER_S * 1000)
    before, at = metrics(session)["TaskDuration"], time.monotonic()
    page.wait_for_timeout(IDLE_S * 1000)
    return 100 * (metrics(session)["TaskDuration"] - before) / (time.monotonic() - at)


def first_paint_ms(page: Page, url: str) -> float:
    """From the navigation to the first paint, the middle of some loads."""
    times = []
    for _ in range(LOADS):
        page.goto(url)
        times.append(float(page.evaluate(FIRST_PAINT)))
    return statistics.median(times)


def attached(page: Page) -> CDPSession:
    """A session that measures."""
    session = page.context.new_cdp_session(page)
    # Seconds of a processor, not of the clock: others use this machine too.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    session.send("HeapProfiler.enable")
    return session


def main() -> None:
    """Measure, and write the page."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise SystemExit("No Chromium on PATH. Cure on Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        service = ServiceProcess(free_ports(1), f"sqlite:///{folder}/soak.db")
        service.start()
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        context = browser.new_context()
        context.add_cookies([{"name": service.cookie, "value": SESSION, "url": service.url}])
        try:
            sections = [follow_one_call(context, service), watch_many_calls(context, service)]
        finally:
            browser.close()
            service.kill()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[1]:.1f}"
    sections.append(long_talk.section(long_talk.MINUTES))
    REPORT.write_text(INTRODUCTION.format(machine=machine) + "".join(sections))
    print(REPORT.read_text())


def follow_one_call(context: BrowserContext, service: ServiceProcess) -> str:
    """The section about the page of a call."""
    call = Call(service, "soak-long")
    who = call.join("Maya"), call.join("Customer", "customer")
    call.begin()
    page = context.new_page()
    session = attached(page)
    samples = list(one_long_call(page, session, call, who))
    return section(f"One call of {LINES:,} lines", samples, page, session, call.url)


def watch_many_calls(context: BrowserContext, service: ServiceProcess) -> str:
    """The section about the wallboard. The call of before is one of the conferences."""
    calls = []
    for n in range(CONFERENCES - 1):
        call = Call(service, f"soak-{n}")
        calls.append((call, call.join(f"Agent {n}")))
        call.begin()
    page = context.new_page()
    session = attached(page)
    samples = list(many_calls(page, session, calls))
    return section(f"{CONFERENCES} conferences on the wallboard", samples, page, session, service.url)


def section(title: str, samples: list[Sample], page: Page, session: CDPSession, url: str) -> str:
    """Measure what is left to measure of a tab, close it, and say all of it as Markdown."""
    idle = idle_share(page, session)
    growth = samples[-1].heap_mb - samples[0].heap_mb
    fresh = page.context.new_page()
    paint = first_paint_ms(fresh, url)
    fresh.close()
    page.close()
    lines = [f"| {s.lines:,} | {s.rows} | {s.nodes:,} | {s.heap_mb:.1f} MB |" for s in samples]
    table = "\n".join(["| Lines | Rows | DOM nodes | Heap |", "|---|---|---|---|", *lines])
    return (
        f"\n## {title}\n\n{table}\n\nHeap growth: {growth:.1f} MB. Idle afterwards: {idle:.1f} % of a processor.\n"
        f"First paint when it is loaded anew: {paint:.0f} ms.\n"
    )


if __name__ == "__main__":
    main()
