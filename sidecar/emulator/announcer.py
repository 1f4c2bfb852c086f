"""Plays a document to somebody in a conference: an announcement, or music on hold. Never touches the call itself.

Verbs: Play, Say, Pause, Redirect (https://www.twilio.com/docs/voice/api/conference-participant-resource, AnnounceUrl);
others are warned of and skipped. What is played is heard instead of the conference (``Calls.play_to``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from sidecar.emulator.calls import Calls
from sidecar.emulator.debugger import Debugger, ErrorNumber
from sidecar.emulator.performer import SPOKEN_CHARS_PER_S
from sidecar.emulator.sound.files import RecordingFailed, Recordings
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import ticks_of
from sidecar.emulator.twiml import Pause, Play, Redirect, Say, TwimlUnparsable, parse
from sidecar.emulator.urls import absolute
from sidecar.emulator.webhooks import WebhookFailed, Webhooks

MAX_DOCUMENTS = 20  # documents that redirect in a circle end here

Hearers = Callable[[], Iterable[str]]  # the calls that hear it, asked anew for each recording


class Announcer:
    """Fetches documents, signed, and plays them. What fails is noted in the debugger under ``sid``."""

    def __init__(
        self, webhooks: Webhooks, recordings: Recordings, calls: Calls, ticker: Ticker, debugger: Debugger
    ) -> None:
        self._webhooks, self._recordings, self._calls = webhooks, recordings, calls
        self._ticker, self._debugger = ticker, debugger

    async def play(self, source: Redirect, form: Mapping[str, str], hearers: Hearers, sid: str) -> bool:
        """From the first verb to the last; False if there was nothing to play, because a document failed."""
        for _ in range(MAX_DOCUMENTS):
            try:
                answer = await self._webhooks.ask(source.url, form, source.method)
                document = parse(answer.body)
            except WebhookFailed as failure:
                self._debugger.note(failure.number, sid, failure.message)
                return False
            except TwimlUnparsable as failure:
                self._debugger.note(ErrorNumber.TWIML_UNPARSABLE, sid, failure.message)
                return False
            for verb in document.verbs:
                match verb:
                    case Redirect(url, method):
                        source = Redirect(absolute(answer.url, url), method)
                        break
                    case Say(text, loop):
                        await asyncio.sleep(loop * len(text) / SPOKEN_CHARS_PER_S)
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                    case Play(url, loop):
                        await self._play(absolute(answer.url, url), loop, hearers, sid)
                    case _:
                        text = f"<{type(verb).__name__}> does not belong into an announcement and was skipped."
                        self._debugger.note(ErrorNumber.TWIML_SCHEMA_WARNING, sid, text)
            else:
                return True
        text = f"An announcement went through {MAX_DOCUMENTS} documents."
        self._debugger.note(ErrorNumber.EMULATOR_LIMIT, sid, text)
        return False

    async def _play(self, url: str, loop: int, hearers: Hearers, sid: str) -> None:
        try:
            audio = await self._recordings.fetch(url)
        except RecordingFailed as failure:
            self._debugger.note(ErrorNumber.HTTP_RETRIEVAL_FAILURE, sid, failure.message)
            return
        for _ in range(loop):
            for call_sid in hearers():
                self._calls.play_to(call_sid, audio)
            await self._ticker.reach(self._ticker.tick + ticks_of(audio))
