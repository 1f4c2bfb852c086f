"""The service as a process of its own that hears phrases of a book: one that can be killed.

``python -m tests.book_service SOCKET FOLDER PHRASE…``; all else by the service's own settings in the environment.
SOCKET is the number of one that listens already: who comes before the service is there waits, and is not sent away.
Without a key of OpenAI its assistant is scripted, and speaks in a tone.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from aiohttp import web

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.app import build
from sidecar.config import load
from sidecar.runtime.assistant.desk import Engines
from tests.fake_engines import FakeVoice
from tests.phrase_book import BookRecogniser, PhraseBook


def main() -> None:
    """Until it is stopped."""
    door, folder, *phrases = sys.argv[1:]
    settings = load()
    keyless = not settings.openai_api_key.get_secret_value()
    app = build(
        settings,
        recogniser=BookRecogniser(PhraseBook(Path(folder), *phrases)),
        engines=Engines(ScriptedChatModel(), FakeVoice()) if keyless else None,
    )
    web.run_app(app, sock=socket.socket(fileno=int(door)), access_log=None, print=None)


if __name__ == "__main__":
    main()
