"""How well and how fast the local recogniser keeps up with people who talk at once, in real time.

    python -m benchmarks.recogniser                            two people read A Tale of Two Cities
    python -m benchmarks.recogniser --wav agent=A.wav --wav customer=B.wav
    python -m benchmarks.recogniser --ramp                     more and more people, until it lags

Audio goes into the real adapter frame by frame. Latency of a text counts from the moment the last voiced audio that it
covers was handed in. Needs the groups that ``make setup`` installs. Only ratios within one run say much.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jiwer

from sidecar.adapters.recognisers.local import LocalRecogniser, start_local_recogniser
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted, Unrecognised
from sidecar.speech.wav import read_telephone_audio
from tests.voice_sounds import TWO_CITIES_TEXT, two_cities

FRAME_S = 0.02
FRAME_BYTES = 160
SPREAD_S = 5.0  # talkers begin one after another, so that their pauses do not coincide, and all are soon there
LAG_S = 2.0  # finals later than this at p95 are no longer live
RAMP_SECONDS = 30


@dataclass
class Talker:
    """One participant: what it plays, and what came back when."""

    label: str
    audio: bytes
    text: list[str] = field(default_factory=list)
    first_partial_s: list[float] = field(default_factory=list)
    partial_s: list[float] = field(default_factory=list)
    final_s: list[float] = field(default_factory=list)
    late_frames_s: list[float] = field(default_factory=list)
    speech_s: float = 0.0
    lost: int = 0


async def talk(recogniser: LocalRecogniser, talker: Talker, delay_s: float) -> None:
    """Play one participant in real time and note the times of what comes back."""
    await asyncio.sleep(delay_s)
    stream = await recogniser.open()
    began = time.monotonic()

    async def play() -> None:
        for number, at in enumerate(range(0, len(talker.audio), FRAME_BYTES), start=1):
            due = began + number * FRAME_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            talker.late_frames_s.append(time.monotonic() - due)
            stream.send(talker.audio[at : at + FRAME_BYTES])
        await stream.finish()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(play(), name=f"play {talker.label}")
        shown = -1
        async for result in stream.results():
            shown = note(talker, result, time.monotonic() - began, shown)
    await stream.close()


def note(talker: Talker, result: Result, at_s: float, shown: int) -> int:
    """Write a result down; returns the last segment of which a partial was shown."""
    match result:
        case PartialResult():
            talker.partial_s.append(at_s - result.end_ms / 1000)
            if result.segment != shown:
                talker.first_partial_s.append(at_s - result.start_ms / 1000)
            return result.segment
        case FinalResult():
            talker.text.append(result.text)
            talker.final_s.append(at_s - result.end_ms / 1000)
            talker.speech_s += (result.end_ms - result.start_ms) / 1000
        case Unrecognised():
            talker.lost += 1
        case SpeechStarted():
            pass
    return shown


async def run(talkers: Sequence[Talker], workers: int | None) -> LocalRecogniser:
    recogniser = start_local_recogniser(workers=workers)
    async with asyncio.TaskGroup() as tasks:
        for number, talker in enumerate(talkers):
            tasks.create_task(talk(recogniser, talker, 1.0 + number * SPREAD_S / len(talkers)), name=talker.label)
    await recogniser.close()
    return recogniser


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("-", " ")))


def quantiles(seconds: Sequence[float]) -> str:
    """``p50/p95`` in seconds."""
    if len(seconds) < 2:
        return "-"
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return f"{cuts[9]:.2f}/{cuts[18]:.2f}"


HEAD = (
    f"{'talkers':>22} {'speech s':>9} {'first partial':>14} {'partial':>11} {'final':>11} {'frame lag':>10} {'lost':>5}"
)


def row(name: str, talkers: Sequence[Talker]) -> str:
    def every(values: str) -> list[float]:
        return [value for talker in talkers for value in getattr(talker, values)]

    late = statistics.quantiles(every("late_frames_s"), n=100)[98] * 1000
    return (
        f"{name:>22} {sum(t.speech_s for t in talkers):9.1f} {quantiles(every('first_partial_s')):>14} "
        f"{quantiles(every('partial_s')):>11} {quantiles(every('final_s')):>11} {late:7.0f} ms "
        f"{sum(t.lost for t in talkers):5}"
    )


def summary(recogniser: LocalRecogniser, talkers: Sequence[Talker]) -> str:
    counts, speech = recogniser.counts, sum(talker.speech_s for talker in talkers)
    return (
        f"model CPU per second of speech {counts.cpu_seconds / max(speech, 0.001):.3f} s · "
        f"partials dropped {counts.partials_dropped} · finals refused {counts.finals_refused}"
    )


def ramp(audio: bytes, workers: int | None) -> None:
    """Twice as many talkers each round, then what fits between, until finals are late."""
    fits, too_many = 0, 0
    while not too_many or too_many - fits > max(1, fits // 4):
        count = (fits + too_many) // 2 if too_many else max(1, fits * 2)
        talkers = [Talker(f"talker {n}", audio[: RAMP_SECONDS * 8000]) for n in range(count)]
        recogniser = asyncio.run(run(talkers, workers))
        print(f"{row(str(count), talkers)}   {summary(recogniser, talkers)}", flush=True)
        finals = [value for talker in talkers for value in talker.final_s]
        if statistics.quantiles(finals, n=20, method="inclusive")[18] <= LAG_S and not any(t.lost for t in talkers):
            fits = count
        else:
            too_many = count
    cores = len(os.sched_getaffinity(0))
    print(f"{fits} talk at once with finals within {LAG_S} s at p95: {fits / cores:.1f} per core of {cores}")


def rounds(counts: Sequence[int], seconds: float) -> list[dict[str, float]]:
    """So many people who read at once, then more, until finals are late or speech is lost; a row for each round."""
    audio, found = read_telephone_audio(two_cities())[: int(seconds * 8000)], []
    for count in counts:
        talkers = [Talker(f"talker {n}", audio) for n in range(count)]
        recogniser = asyncio.run(run(talkers, None))
        finals = [value for talker in talkers for value in talker.final_s]
        late = statistics.quantiles(finals, n=20, method="inclusive")[18]
        lost = sum(talker.lost for talker in talkers)
        found.append(
            {
                "talkers": count,
                "final_p95_s": round(late, 2),
                "partials_dropped": recogniser.counts.partials_dropped,
                "lost": lost,
                "cpu_per_speech_s": round(recogniser.counts.cpu_seconds / sum(t.speech_s for t in talkers), 3),
            }
        )
        if late > LAG_S or lost:
            break
    return found


def labelled(value: str) -> tuple[str, Path]:
    label, _, file = value.partition("=")
    if not label or not file:
        raise argparse.ArgumentTypeError(f"{value!r} is not label=file")
    return label, Path(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wav", type=labelled, action="append", metavar="LABEL=FILE", help="a participant; repeatable")
    parser.add_argument("--seconds", type=float, help="only the beginning of each file")
    parser.add_argument("--workers", type=int, help="threads; default: one per core")
    parser.add_argument("--ramp", action="store_true", help="find out how many may talk at once")
    parser.add_argument("--text", action="store_true", help="print what was understood")
    args = parser.parse_args()
    reading = two_cities()
    files = args.wav or [("reader", reading), ("other reader", reading)]
    talkers = [Talker(label, read_telephone_audio(path)) for label, path in files]
    if args.seconds:
        for talker in talkers:
            talker.audio = talker.audio[: int(args.seconds * 8000)]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before {load}, Python {sys.version.split()[0]}\n{HEAD}", flush=True)
    if args.ramp:
        ramp(talkers[0].audio, args.workers)
        return
    recogniser = asyncio.run(run(talkers, args.workers))
    for talker, (_, path) in zip(talkers, files, strict=True):
        print(row(talker.label, [talker]))
        if path == reading and not args.seconds:
            print(f"{'':>22} WER {jiwer.wer(plain(TWO_CITIES_TEXT), plain(' '.join(talker.text))):.1%}")
        if args.text:
            print("\n".join(f"    {text}" for text in talker.text))
    print(row("all", talkers) if len(talkers) > 1 else "")
    print(summary(recogniser, talkers))


if __name__ == "__main__":
    main()
