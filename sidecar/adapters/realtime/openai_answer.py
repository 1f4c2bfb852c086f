"""One answer of a realtime model: which events are its, what of its audio lies in which item, what has to be forgotten.

The answer is read by one task and filled by another; nothing here does I/O.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sidecar.adapters.vendor_problems import Problem, Vendor, refused
from sidecar.domain.errors import RealtimeFailed
from sidecar.ports.chat_model import TextPiece, ToolCall, Usage
from sidecar.ports.realtime import AudioPiece, RealtimePiece
from sidecar.speech.g711 import BYTES_PER_MS
from sidecar.wire import openai_realtime as wire
from sidecar.wire.openai_realtime import AudioDelta, CallDone, ResponseDone, TextDelta

# Audio comes faster than it is played and waits here for who plays it: ten minutes are no answer any more.
MAX_AUDIO_BYTES = 600_000 * BYTES_PER_MS


class Answer:
    """``id``: ours, of the request. ``response``: the server's, "" until it has begun. ``over``: nothing more comes."""

    def __init__(self, id_: str, vendor: Vendor) -> None:
        self.id = id_
        self.response = ""
        self.over = False
        self._vendor = vendor
        self._pieces: deque[RealtimePiece] = deque()
        self._failure: RealtimeFailed | None = None
        self._items: dict[str, int] = {}  # bytes of audio by item, in order
        self._news = asyncio.Event()

    def take(self, event: AudioDelta | TextDelta | CallDone | ResponseDone) -> None:
        """An event of this answer's response."""
        match event:
            case AudioDelta():
                self._items[event.item] = self._items.get(event.item, 0) + len(event.audio)
                if sum(self._items.values()) > MAX_AUDIO_BYTES:
                    self.fail(failed(Problem("endless", "The model does not stop talking.", "Choose another model.")))
                elif event.audio:
                    self._put(AudioPiece(event.audio))
            case TextDelta():
                if event.text:
                    self._put(TextPiece(event.text))
            case CallDone():
                self._put(ToolCall(event.id, event.name, event.arguments))
            case ResponseDone():
                if event.input_tokens is not None and event.output_tokens is not None:
                    self._put(Usage(event.input_tokens, event.output_tokens))
                if (failure := self._judged(event)) is not None:
                    self.fail(failure)
                self.end()

    def end(self) -> None:
        """Nothing more comes: it is whole, or nobody listens."""
        self.over = True
        self._news.set()

    def fail(self, failure: RealtimeFailed) -> None:
        """Nothing more comes, because of this."""
        if not self.over:
            self._failure = failure
            self.end()

    async def next(self) -> RealtimePiece | None:
        """The next piece; None: that was all. Raises RealtimeFailed, behind the last piece."""
        while not self._pieces:
            if self._failure is not None:
                raise self._failure.again()
            if self.over:
                return None
            self._news.clear()
            await self._news.wait()
        return self._pieces.popleft()

    @property
    def audio_ms(self) -> int:
        """How long it is so far."""
        return sum(self._items.values()) // BYTES_PER_MS

    def forget_behind(self, ms: int) -> list[str]:
        """What to tell the server when only so much was heard: one item is cut, those behind it go."""
        messages, left = [], max(0, ms) * BYTES_PER_MS
        for item, size in self._items.items():
            if left >= size:
                left -= size
                continue
            messages.append(wire.item_truncate(item, left // BYTES_PER_MS) if left else wire.item_delete(item))
            left = 0
        return messages

    def _put(self, piece: RealtimePiece) -> None:
        if not self.over:
            self._pieces.append(piece)
            self._news.set()

    def _judged(self, done: ResponseDone) -> RealtimeFailed | None:
        match done.status:
            case "failed":
                return failed(refused(self._vendor, 0, vendor_code=done.why))
            case "incomplete" if done.why == "content_filter":
                return failed(Problem("filtered", "The vendor's filter stopped the answer.", ""))
            case "incomplete":
                return failed(Problem("cut_off", "The model reached its limit of tokens.", "Ask for less at once."))
            case "cancelled":
                return failed(Problem("broken_off", "The model's answer was cancelled, and not by us.", ""))
            case _:
                return None


def failed(problem: Problem) -> RealtimeFailed:
    """What a problem is for a realtime model."""
    return RealtimeFailed(
        problem.message, next_step=problem.next_step, code=f"realtime_{problem.code}", permanent=problem.permanent
    )
