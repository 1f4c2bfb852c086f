"""One connection's transcription as Deepgram tells it: interims, frozen pieces, pauses. Pure; its clock is the audio.

Messages as in https://developers.deepgram.com/docs/live-streaming-audio, written from the documents and not from the
service's own parser.
"""

from __future__ import annotations

from typing import Any

from tests.emulated_deepgram.ears import BYTES_PER_MS, Ear, Heard

STEP_MS = 100
INTERIM_EVERY_MS = 1_000
FREEZE_AFTER_MS = 3_500
REQUEST_ID = "00000000-0000-4000-8000-000000000000"

Message = dict[str, Any]


class Transcriber:
    """Audio in, messages out."""

    def __init__(self, ear: Ear, *, endpointing_ms: int, utterance_end_ms: int, interims: bool = True) -> None:
        self._ear = ear
        self._endpointing_ms = endpointing_ms
        self._utterance_end_ms = utterance_end_ms
        self._interims = interims
        self._bytes = 0
        self._unfrozen: list[Heard] = []
        self._frozen_ms = self._interim_ms = 0
        self._spoke = False  # since the last speech_final
        self._last_word_ms: int | None = None  # until its UtteranceEnd
        self.latest = ""  # word that was heard

    @property
    def audio_ms(self) -> int:
        return self._bytes // BYTES_PER_MS

    def feed(self, audio: bytes) -> list[Message]:
        """In steps of 100 ms, so that a burst gives what the same audio gives at its own pace."""
        messages: list[Message] = []
        step = STEP_MS * BYTES_PER_MS
        at = 0
        while at < len(audio):
            piece = audio[at : at + step - self._bytes % step]
            at += len(piece)
            self._bytes += len(piece)
            heard = self._ear.feed(piece)
            if heard and not self._spoke:
                messages.append({"type": "SpeechStarted", "channel": [0, 1], "timestamp": heard[0].start_ms / 1000})
            self._unfrozen += heard
            if heard:
                self._spoke, self._last_word_ms, self.latest = True, heard[-1].end_ms, heard[-1].text
            if self._bytes % step == 0:
                self._step(messages)
        return messages

    def finalize(self) -> list[Message]:
        """Everything so far is frozen, but for a word that is under way."""
        return [self._results(self._ear.settled_ms, is_final=True, from_finalize=True)]

    def close(self) -> list[Message]:
        """Finals of everything, then Metadata."""
        last = [self._results(self.audio_ms, is_final=True, speech_final=True)] if self._bytes else []
        metadata = {"type": "Metadata", "transaction_key": "deprecated", "request_id": REQUEST_ID, "sha256": "0" * 64}
        return [*last, metadata | {"created": "2026-03-01T12:00:00Z", "duration": self._bytes / 8000, "channels": 1}]

    def _step(self, messages: list[Message]) -> None:
        now, settled = self.audio_ms, self._ear.settled_ms
        quiet_ms = settled - (self._last_word_ms or 0)
        if self._spoke and quiet_ms >= self._endpointing_ms:
            messages.append(self._results(settled, is_final=True, speech_final=True))
        elif now - self._frozen_ms >= FREEZE_AFTER_MS:
            messages.append(self._results(settled, is_final=True))
        elif self._interims and now - self._interim_ms >= INTERIM_EVERY_MS:
            messages.append(self._results(now, is_final=False))
        if self._last_word_ms is not None and quiet_ms >= self._utterance_end_ms:
            messages.append({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": self._last_word_ms / 1000})
            self._last_word_ms = None

    def _results(
        self, end_ms: int, *, is_final: bool, speech_final: bool = False, from_finalize: bool = False
    ) -> Message:
        words = [
            {
                "word": word.text,
                "punctuated_word": word.text,
                # Whatever an ear says of its words, they lie in the audio that the message is about.
                "start": min(max(word.start_ms, self._frozen_ms), end_ms) / 1000,
                "end": min(max(word.end_ms, self._frozen_ms), end_ms) / 1000,
                "confidence": 0.9,
            }
            for word in self._unfrozen
        ]
        transcript = " ".join(word.text for word in self._unfrozen)
        start_ms = self._frozen_ms
        self._interim_ms = self.audio_ms
        if is_final:
            self._unfrozen, self._frozen_ms = [], end_ms
        if speech_final or from_finalize:
            self._spoke = False
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": start_ms / 1000,
            "duration": max(0, end_ms - start_ms) / 1000,
            "is_final": is_final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {
                "alternatives": [{"transcript": transcript, "confidence": 0.9 if words else 0.0, "words": words}]
            },
            "metadata": {"request_id": REQUEST_ID, "model_uuid": REQUEST_ID, "model_info": {"name": "nova-3"}},
        }
