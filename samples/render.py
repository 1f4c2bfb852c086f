"""Renders the sample calls of ``sidecar demo`` with the local voice: a script in, a scenario and its recordings out.

    .venv/bin/pip install -e '.[local,voice]' && .venv/bin/python -m samples.render samples/harbor_bikes.toml

Writes ``sidecar/emulator/scenarios/NAME.toml`` and one ``NAME.LABEL.wav`` (8 kHz mu-law) per participant, which holds
the lines one behind the other; the scenario says which part is spoken when. A line is rendered up to TAKES times, until
the local recogniser reads it as it is written; otherwise the best take stays. Lines that the scenario has already are
kept as they are; without it all are rendered, a little different each time. ``samples.measure`` tells how good it is.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from samples.measure import word_errors
from sidecar.emulator.scenario import load
from sidecar.speech import g711, local_voice, moonshine
from sidecar.speech.wav import read_telephone_audio

SCENARIOS = Path(__file__).parents[1] / "sidecar" / "emulator" / "scenarios"
TAKES = 8
BETWEEN_SENTENCES_MS = 240
MARGIN_MS = 60  # kept before and after a line's first and last sound
SOUND = 200  # of 32,767: what is louder belongs to the voice
STEPS = ("hold", "resume", "mute", "unmute")  # done to somebody, not said
ASSISTANT = ("invite", "prompt", "say", "stop", "dismiss")  # asked of the service
TICK_MS = 20  # the emulator plays whole ticks
QUIET = bytes([g711.SILENCE])


def render_line(voice: local_voice.LocalVoice, model: moonshine.MoonshineModel, text: str, pitch: float) -> bytes:
    """The first take that is read as written, or the one with the fewest wrong words."""
    best, fewest = b"", sys.maxsize
    for _ in range(TAKES):
        gap = QUIET * (BETWEEN_SENTENCES_MS * g711.BYTES_PER_MS)
        take = trimmed(gap.join(voice.sentences(text, pitch=pitch)))
        margin = QUIET * (400 * g711.BYTES_PER_MS)
        wrong = word_errors(text, model.text_of(margin + take + margin))
        if wrong < fewest:
            best, fewest = take, wrong
        if not wrong:
            break
    return best


def trimmed(audio: bytes) -> bytes:
    """Without the silence around it, in whole ticks."""
    loud = np.flatnonzero(np.abs(g711.decode(audio).astype(np.int32)) > SOUND)
    margin, tick = MARGIN_MS * g711.BYTES_PER_MS, TICK_MS * g711.BYTES_PER_MS
    kept = audio[max(0, int(loud[0]) - margin) : int(loud[-1]) + margin]
    return kept + QUIET * (-len(kept) % tick)


def rendered_before(scenario: Path) -> dict[tuple[str, str], bytes]:
    """The lines of an earlier rendering, by who says what."""
    if not scenario.is_file():
        return {}
    lines: dict[tuple[str, str], bytes] = {}
    for actor in load(scenario).participants:
        for said in actor.says:
            audio = read_telephone_audio(Path(said.wav))
            begin, end = (round((at or 0) * g711.SAMPLE_RATE) for at in (said.from_, said.to))
            lines[actor.label, said.text] = audio[begin:end]
    return lines


def seconds(octets: int) -> float:
    """Bytes of mu-law as seconds; whole ticks, so two places are exact."""
    return round(octets / g711.SAMPLE_RATE, 2)


def render(path: Path) -> None:
    """One script."""
    script: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    people = script["participants"]
    voice, model = local_voice.load(), moonshine.load()
    before = rendered_before(SCENARIOS / f"{path.stem}.toml")
    tracks = {label: bytearray() for label in people}
    says: dict[str, list[str]] = {label: [] for label in people}
    steps: list[str] = []
    now = 0.0
    for label, pause, text in script["script"]["lines"]:
        if label in STEPS:
            now += pause
            steps += ["", "[[steps]]", f"at = {now:.2f}", f'do = "{label}"', f'label = "{text}"']
            continue
        if label in ASSISTANT:
            now += pause
            steps += ["", "[[assistant]]", f"at = {now:.2f}", f'do = "{label}"']
            steps += [f'text = "{text}"'] if text else []
            continue
        line = before.get((label, text)) or render_line(voice, model, text, people[label]["pitch"])
        at = round((now + pause) / 0.02) * 0.02
        begin = len(tracks[label])
        tracks[label] += line
        says[label].append(
            f'  {{ at = {at:.2f}, wav = "{path.stem}.{label}.wav", from = {seconds(begin):.2f}, '
            f'to = {seconds(len(tracks[label])):.2f}, text = "{text}" }},'
        )
        now = at + seconds(len(line))
    model.close()
    SCENARIOS.mkdir(exist_ok=True)
    for label, track in tracks.items():
        pcm = g711.decode(track)
        soundfile.write(SCENARIOS / f"{path.stem}.{label}.wav", pcm, g711.SAMPLE_RATE, subtype="ULAW", format="WAV")
    blocks = [
        f"# Rendered from samples/{path.name} by samples/render.py. Change that one.",
        f'title = "{script["title"]}"',
    ]
    for label, person in people.items():
        blocks += ["", "[[participants]]", f'label = "{label}"', f'name = "{person["name"]}"', f'role = "{label}"']
        blocks += ["says = [", *says[label], "]"]
    blocks += steps
    (SCENARIOS / f"{path.stem}.toml").write_text("\n".join(blocks) + "\n", encoding="utf-8")
    print(f"{path.stem}: {now:.1f} s")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        render(Path(name))
