"""How the shipped sample calls sound, in numbers: words read wrongly, peak, loudness, silence, pitch.

    .venv/bin/python -m samples.measure

Each participant's track is put together as the emulator plays it, cut by the service's segmenter and read by the local
recogniser; the reference is the text in the scenario. Needs no voice. jiwer counts.
"""

from __future__ import annotations

import re
from pathlib import Path

import jiwer
import numpy as np

from sidecar.emulator.scenario import Actor, Scenario, load
from sidecar.speech import g711, moonshine
from sidecar.speech.segmenter import SegmentEnded, Segmenter
from sidecar.speech.spoken_text import spoken
from sidecar.speech.wav import read_telephone_audio

SCENARIOS = Path(__file__).parents[1] / "sidecar" / "emulator" / "scenarios"
SOUND = 200  # of 32,767: below is silence
TAIL_S = 1.5


def words(text: str) -> str:
    """What is said, in lower case and without punctuation: "$30" and "thirty dollars" are the same."""
    return " ".join(re.findall(r"[a-z']+", spoken(text).lower().replace("-", " ")))


def word_errors(written: str, read: str) -> int:
    """Words substituted, left out and put in."""
    counted = jiwer.process_words(words(written), words(read))
    return int(counted.substitutions + counted.deletions + counted.insertions)


def track(actor: Actor, length_s: float) -> bytes:
    """What one participant says in a call of that length."""
    audio = bytearray([g711.SILENCE]) * round(length_s * g711.SAMPLE_RATE)
    for said in actor.says:
        whole = read_telephone_audio(Path(said.wav))
        end = len(whole) if said.to is None else round(said.to * g711.SAMPLE_RATE)
        part = whole[round(said.from_ * g711.SAMPLE_RATE) : end]
        at = round(said.at * g711.SAMPLE_RATE)
        audio[at : at + len(part)] = part
    return bytes(audio)


def length_of(scenario: Scenario) -> float:
    """Seconds until the last recording has ended, and a little more."""
    ends = [said.at + (said.to or 0) - said.from_ for actor in scenario.participants for said in actor.says]
    return max(ends) + TAIL_S


def read(model: moonshine.MoonshineModel, audio: bytes) -> list[tuple[int, str]]:
    """Start in ms and text of each segment."""
    segmenter = Segmenter()
    ended = [e for e in [*segmenter.feed(audio), *segmenter.flush()] if isinstance(e, SegmentEnded)]
    return [(e.start_ms, model.text_of(e.audio)) for e in ended]


def median_pitch(audio: bytes) -> float:
    """Hz: the strongest period of each loud 40 ms, and the middle of them all."""
    pcm = g711.decode(audio).astype(np.float64)
    window, found = 320, []
    for at in range(0, len(pcm) - window, window):
        part = pcm[at : at + window]
        if np.abs(part).max() < 3000:
            continue
        part = part - part.mean()
        alike = np.correlate(part, part, mode="full")[window - 1 :]
        shortest, longest = g711.SAMPLE_RATE // 350, g711.SAMPLE_RATE // 70
        period = shortest + int(np.argmax(alike[shortest:longest]))
        if alike[period] > 0.5 * alike[0]:
            found.append(g711.SAMPLE_RATE / period)
    return float(np.median(found))


def main() -> None:
    """A table for each call, and what was misread."""
    model = moonshine.load()
    for path in sorted(SCENARIOS.glob("*.toml")):
        scenario = load(path)
        length = length_of(scenario)
        wrong = total = 0
        print(f"{path.stem}: {length - TAIL_S:.1f} s, {sum(len(actor.says) for actor in scenario.participants)} lines")
        for actor in scenario.participants:
            audio = track(actor, length)
            segments = read(model, audio)
            written = " ".join(said.text for said in actor.says)
            errors, spoken_words = (
                word_errors(written, " ".join(text for _, text in segments)),
                len(words(written).split()),
            )
            wrong, total = wrong + errors, total + spoken_words
            pcm = g711.decode(audio).astype(np.float64)
            loud = np.abs(pcm) > SOUND
            quiet = 1 - loud.reshape(-1, 160).any(axis=1).mean() if len(pcm) % 160 == 0 else 1 - loud.mean()
            speech = np.concatenate([pcm[at : at + 160] for at in range(0, len(pcm), 160) if loud[at : at + 160].any()])
            print(
                f"  {actor.label:<9} {len(segments):>3} segments  WER {100 * errors / spoken_words:4.1f} %  "
                f"peak {20 * np.log10(np.abs(pcm).max() / 32768):5.1f} dBFS  "
                f"RMS of speech {20 * np.log10(np.sqrt((speech**2).mean()) / 32768):5.1f} dBFS  "
                f"silence {100 * quiet:3.0f} %  pitch {median_pitch(audio):3.0f} Hz"
            )
            show_misread(written, segments)
        print(f"  WER of the call {100 * wrong / total:.1f} % ({wrong} of {total} words)")
    model.close()


def show_misread(written: str, segments: list[tuple[int, str]]) -> None:
    """Each place where words differ."""
    compared = jiwer.process_words(words(written), words(" ".join(text for _, text in segments)))
    was, now = compared.references[0], compared.hypotheses[0]
    for chunk in compared.alignments[0]:
        if chunk.type != "equal":
            print(
                f"      {' '.join(was[chunk.ref_start_idx : chunk.ref_end_idx]) or '-'!r} read as "
                f"{' '.join(now[chunk.hyp_start_idx : chunk.hyp_end_idx]) or '-'!r}"
            )


if __name__ == "__main__":
    main()
