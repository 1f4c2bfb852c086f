"""The real service beside an emulated Twilio, with a call of two people, the scripted model and the local voice.

``python -m tests.browser.assisted_service FOLDER`` prints one line of JSON: where the service is, the conference, the
name of the session's cookie. Then each line of its input, ``LABEL PHRASE``, is said by that person; at its end the
process ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

import structlog

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.adapters.voices.local import start_local_voice
from sidecar.domain import notice
from sidecar.runtime.assistant.desk import Engines
from sidecar.server.app_keys import ACCOUNTS
from tests.assisted_call import AssistedCall
from tests.browser.service import SESSION
from tests.callers import add_session, add_user
from tests.line import running_line
from tests.phrase_book import BookRecogniser, PhraseBook

ORDER = "My order number is seven three five two nine."
RECAP = "Ava, give us a recap."
PHRASES = {"order": ORDER, "recap": RECAP}


async def run(folder: Path) -> None:
    """Until nobody asks for more. Announcements take no time."""
    notice.BEFORE_IT_STARTS_S, notice.SPOKEN_CHARS_PER_S = 0.0, 1_000
    book = PhraseBook(folder, *PHRASES.values())
    async with running_line(folder, BookRecogniser(book), Engines(ScriptedChatModel(), start_local_voice())) as line:
        call = AssistedCall(line, book)
        await call.begin()
        accounts = line.service.app[ACCOUNTS]
        await add_session(accounts, await add_user(accounts), SESSION)
        port = line.service.base.rpartition(":")[2]
        told = {"url": line.service.base, "conference": call.conference.rpartition("/")[2], "cookie": f"sidecar-{port}"}
        print(json.dumps(told), flush=True)  # noqa: T201 - the test reads it
        while order := (await asyncio.to_thread(sys.stdin.readline)).split():
            label, phrase = order
            await call.says(label, PHRASES[phrase])


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(run(Path(sys.argv[1])))
