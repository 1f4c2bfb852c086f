"""What people heard of an interrupted answer, by the transcript and by ear: a recording of the call, transcribed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from itertools import groupby
from pathlib import Path

import jiwer
import pytest

from samples.measure import words
from sidecar.adapters.voices.local import start_local_voice
from sidecar.domain import notice
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool
from sidecar.runtime.assistant.desk import Engines
from sidecar.speech import g711, moonshine
from tests.assisted_room import Room
from tests.line import running_line
from tests.phrase_book import BookRecogniser, PhraseBook

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

ASKS = "Ava, tell us the whole policy."
OBJECTS = "But that is wrong."
ANSWER = (
    "You can bring the bicycle back to our shop. Please bring your card and the order number with you."
    " We will look at the bicycle on the same day. Then we will send the money back to your card."
)
OFF_BY_WORDS = 2


class Model:
    """One answer."""

    engine = "one"

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """As it is written."""
        yield TextPiece(ANSWER)

    async def close(self) -> None:
        """Nothing to free."""


async def test_the_transcript_claims_what_a_recording_of_the_call_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within two words, with the real voice; what was cut is kept apart."""
    monkeypatch.setattr(notice, "BEFORE_IT_STARTS_S", 0.0)
    monkeypatch.setattr(notice, "SPOKEN_CHARS_PER_S", 1_000)
    book = PhraseBook(tmp_path, ASKS, OBJECTS)
    voice = start_local_voice()
    async with (
        running_line(tmp_path, BookRecogniser(book), Engines(Model(), voice)) as line,
        Room(line, book, "heard").there("agent", "customer") as room,
    ):
        await room.invite()
        customer = room.people["customer"]["call_sid"]
        await room.record(customer, "hears")
        _, asked = await room.says("agent", ASKS)
        await room.until("utterance.partial", lambda said: "your card" in said["text"])
        await room.says("customer", OBJECTS)
        turn = await room.turn(1)
        mixed = (await room.recorded(customer, "hears")).since(asked)
    assert turn["outcome"] == "interrupted"
    assert turn["text"].startswith(turn["heard"])
    model = moonshine.load()
    # Cut in the middle of a word, the model writes it again and again; the answer has no word twice in a row.
    by_ear = " ".join(word for word, _ in groupby(words(model.text_of(g711.encode(mixed))).split()))
    model.close()
    claimed = words(turn["heard"])
    assert jiwer.process_words(claimed, by_ear).hits > 10
    # The word that the cut went through may be read as one.
    off_by = len(by_ear.split()) - len(claimed.split())
    assert -OFF_BY_WORDS <= off_by <= OFF_BY_WORDS + 1, f"claimed {claimed!r}, recorded {by_ear!r}"
