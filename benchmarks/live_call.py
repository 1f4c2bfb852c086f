"""Measures a whole call through the demo: what reaches the page and when, how true the text is, what it costs.

    .venv/bin/python benchmarks/live_call.py --wav agent=A.wav --wav customer=B.wav
    .venv/bin/python benchmarks/live_call.py --wav reader=two_cities.wav --reference two_cities.txt

Starts ``sidecar demo``, opens the conference's page in Chromium and watches its DOM. Needs a quiet machine.
Figures: speech end -> final in the DOM, speech start -> first partial in the DOM, lag at the service, CPU per second of
speech, agreement with the same model called once per segment of the file, word error rate with --reference.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import aiohttp
import jiwer
from playwright.async_api import Page, async_playwright

from sidecar.cli.children import free_ports
from sidecar.cli.feed import durable_events
from sidecar.speech import moonshine
from sidecar.speech.segmenter import SegmentEnded, Segmenter
from sidecar.speech.wav import read_telephone_audio

CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WATCH = """
window.seen = {};
new MutationObserver(() => {
  const now = Date.now();
  for (const row of document.querySelectorAll('[id^="u-utt_"]')) {
    const id = row.id.slice(2), was = (window.seen[id] ??= {first: now, final: null});
    if (!row.hasAttribute('data-partial') && was.final === null) was.final = now;
  }
}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
"""

CLOCK_ZERO = "Date.parse(JSON.parse(document.getElementById('history').textContent).conference.clock_zero)"


def words(text: str) -> str:
    """Lower case words without punctuation."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def percentiles(values: list[float]) -> str:
    """p50 and p95."""
    ordered = sorted(values) or [0.0]
    return (
        f"p50 {ordered[len(ordered) // 2]:6.0f} ms   p95 {ordered[int(len(ordered) * 0.95)]:6.0f} ms   n={len(values)}"
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watch(page: Page, http: aiohttp.ClientSession, address: str, key: str) -> list[dict[str, Any]]:
    """Open the page by a link that signs in, follow the conference to its end; all durable events."""
    await page.add_init_script(WATCH)
    await page.goto(address, wait_until="load")
    await page.evaluate("window.opened = Date.now()")
    base, conference_id = address.partition("/login")[0], address.rpartition("/")[2]
    return [event async for event in durable_events(http, base, conference_id, key=key)]


def segments_of(audio: bytes) -> list[SegmentEnded]:
    """A recording as the service's segmenter cuts it."""
    segmenter = Segmenter()
    return [e for e in [*segmenter.feed(audio), *segmenter.flush()] if isinstance(e, SegmentEnded)]


def report_text(
    lines: list[dict[str, Any]], labels: dict[str, str], wavs: dict[str, Path], reference: Path | None
) -> None:
    """Agreement with one-shot recognition of the same segments of the file, and the word error rate."""
    model = moonshine.load()
    errors = spoken = 0
    for participant, label in labels.items():
        if label not in wavs:
            continue
        live = words(" ".join(line["text"] for line in lines if line["participant"] == participant))
        segments = segments_of(read_telephone_audio(wavs[label]))
        once = words(" ".join(model.text_of(segment.audio) for segment in segments))
        compared = jiwer.process_words(once, live)
        wrong = compared.substitutions + compared.deletions + compared.insertions
        errors, spoken = errors + wrong, spoken + len(once.split())
        print(f"{label}: {len(segments)} segments, {100 * (1 - wrong / len(once.split())):.1f} % of words agree")
    model.close()
    print(f"agreement with one-shot calls on the files at our segments: {100 * (1 - errors / spoken):.1f} % of words")
    if reference is not None:
        text = words(" ".join(line["text"] for line in lines))
        print(f"word error rate: {100 * jiwer.wer(words(reference.read_text()), text):.1f} %")


async def main() -> None:
    """Run one call and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--wav", action="append", required=True)
    parser.add_argument("--reference", type=Path)
    given = parser.parse_args()
    wavs = {label: Path(name) for label, _, name in (item.partition("=") for item in given.wav)}
    port = free_ports(2)
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sidecar", "demo", "--port", str(port), *(f"--wav={item}" for item in given.wav),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert demo.stdout is not None
    pid, key, address = 0, "", ""
    while not (address and key):
        said = (await demo.stdout.readline()).decode()
        if found := re.search(r"service +.*pid (\d+)", said):
            pid = int(found[1])
        if found := re.search(r"sck_\w+", said):
            key = found[0]
        if found := re.search(r"http\S+/login\S+/conferences/cnf_\w+", said):
            address = found[0]
    async with aiohttp.ClientSession() as http, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = await browser.new_page()
        before = cpu_seconds(pid)
        events = await watch(page, http, address, key)
        used = cpu_seconds(pid) - before
        await asyncio.sleep(0.5)
        seen = await page.evaluate("window.seen")
        zero = await page.evaluate(CLOCK_ZERO)
        opened = await page.evaluate("window.opened") - zero
        await browser.close()
    demo.terminate()
    await demo.wait()
    lines = [event["data"] for event in events if event["type"] == "utterance.final"]
    labels = {e["data"]["participant"]: e["data"]["label"] for e in events if e["type"] == "participant.joined"}
    gaps = [event["data"] for event in events if event["type"] == "transcript.gap"]
    speech = sum(line["end_ms"] - line["start_ms"] for line in lines) / 1000
    print(f"utterances {len(lines)}   gaps {len(gaps)}   on the page {sum(1 for s in seen.values() if s['final'])}")
    watched = [line for line in lines if line["start_ms"] > opened and line["id"] in seen]
    finals = [seen[line["id"]]["final"] - zero - line["end_ms"] for line in watched]
    firsts = [seen[line["id"]]["first"] - zero - line["start_ms"] for line in watched]
    print("speech end -> final in the DOM       ", percentiles(finals))
    print("speech start -> first text in the DOM", percentiles(firsts))
    print("speech end -> final at the service  ", percentiles([line["lag_ms"] for line in lines]))
    print(f"service CPU: {used:.1f} s for {speech:.1f} s of speech = {used / max(speech, 1):.3f} s per second")
    report_text(lines, labels, wavs, given.reference)


if __name__ == "__main__":
    asyncio.run(main())
