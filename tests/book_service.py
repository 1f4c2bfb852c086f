"""The service as a process of its own that hears phrases of a book, and speaks in a tone: one that can be killed.

``python -m tests.book_service FOLDER PHRASE…``; all else by the service's own settings in the environment. It begins
when a line comes on its standard input: a process that is all there but for that begins within the second.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.app import build
from sidecar.config import load
from sidecar.runtime.assistant_desk import Engines
from tests.fake_engines import FakeVoice
from tests.phrase_book import BookRecogniser, PhraseBook


def main() -> None:
    """Until it is stopped."""
    folder, *phrases = sys.argv[1:]
    settings = load()
    app = build(
        settings,
        recogniser=BookRecogniser(PhraseBook(Path(folder), *phrases)),
        engines=Engines(ScriptedChatModel(), FakeVoice()),
    )
    sys.stdin.readline()
    web.run_app(app, host=settings.host, port=settings.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
