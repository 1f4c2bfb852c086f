"""Nobody is transcribed before having been told, also where we come to a call that is under way."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.domain.errors import TelephonyFailed
from sidecar.domain.notice import Announcement, spoken_within_s
from sidecar.runtime import notice
from sidecar.runtime.notice import NoticeSpeaker
from tests.fakes import FakeTelephony

CF, CALL = "CF" + "0" * 32, "CA" + "a" * 32


def test_a_longer_notice_takes_longer_and_none_takes_no_time() -> None:
    """A sentence of 60 characters is heard within some seconds."""
    assert spoken_within_s("") == 0
    assert 4 < spoken_within_s("x" * 60) < spoken_within_s("x" * 120) < 20


async def test_who_waits_for_the_notice_waits_until_it_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for at once; what was asked for has not been heard yet."""
    lasts_s = 3600.0
    monkeypatch.setattr(notice, "spoken_within_s", lambda _text: lasts_s)
    network = FakeTelephony(CF)
    speaker = NoticeSpeaker(network, "Hello.")
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speaker.speak(conference_sid=CF, call_sid=CALL))
        assert await network.announced.get() == Announcement.NOTICE
        assert not speaking.done()
        speaking.cancel()
    lasts_s = 0.0
    await speaker.speak(conference_sid=CF, call_sid=CALL)


async def test_without_a_notice_nobody_waits_and_nothing_is_asked_for() -> None:
    """The default."""
    network = FakeTelephony(CF)
    await NoticeSpeaker(network, "").speak(conference_sid=CF, call_sid=CALL)
    assert network.announced.empty()


async def test_a_notice_that_cannot_be_spoken_is_a_failure() -> None:
    """So that the fork is not opened all the same."""
    network = FakeTelephony(CF)
    network.failures.append(TelephonyFailed("Twilio refused."))
    with pytest.raises(TelephonyFailed):
        await NoticeSpeaker(network, "Hello.").speak(conference_sid=CF, call_sid=CALL)
