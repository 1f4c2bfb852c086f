"""``/v1/audio/speech``: what OpenAI says about a request, and the samples of its answer."""

from __future__ import annotations

from tests.emulated_speech import tone

RATE = 24_000


def problem_of(asked: object) -> str | None:
    """None: the request is well."""
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), str) for name in ("model", "voice", "input")):
        return "model, voice and input are needed"
    if not 0 < len(asked["input"]) <= 4_096:
        return "input: string_too_long"
    if asked.get("response_format") != "pcm":
        return "only pcm is emulated"
    unknown = set(asked) - {"model", "voice", "input", "response_format", "instructions"}
    return f"Unrecognized request argument: {', '.join(sorted(unknown))}" if unknown else None


def samples_of(text: str) -> bytes:
    """16-bit little-endian PCM."""
    audio: bytes = tone(text, RATE).tobytes()
    return audio
