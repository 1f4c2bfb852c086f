"""A stream is asked for until it comes: never two at once, after the notice, and with the provider's reason."""

from __future__ import annotations

import asyncio

import pytest

from sidecar.adapters.sql import Database, SqlDirectory
from sidecar.domain.conference.values import Fork
from sidecar.domain.errors import TelephonyFailed
from sidecar.runtime import recovery
from sidecar.runtime.notice import NoticeSpeaker
from sidecar.runtime.recovery import StreamReopener, WantedStream
from sidecar.runtime.tally import Tally
from tests.facts import fork_request, open_call
from tests.fakes import FakeClock, FakeTelephony

REFUSED = TelephonyFailed("no", provider_code=31941, reason="Twilio error 31941: tracks", refused=True)
NO_ANSWER = TelephonyFailed("no answer", reason="Twilio did not answer")
BUSY = TelephonyFailed("busy", reason="Twilio is busy", refused=True, retry_after_s=0.02)


class Asking:
    """A reopener on a real store with a fake network, and one fork that wants a stream."""

    def __init__(self, fork: Fork, directory: SqlDirectory, *, notice: str = "") -> None:
        self.telephony = FakeTelephony(present=[fork.call_sid])
        self.room = True
        self.told: list[tuple[str, bool]] = []
        self.wanted = True
        self.stream = WantedStream(
            fork,
            conference_sid=self.telephony.sid,
            still=lambda: self.wanted,
            tell=lambda problem, for_good: self.told.append((problem, for_good)),
        )
        self.tally = Tally()
        self.reopener = StreamReopener(
            directory=directory,
            telephony=self.telephony,
            clock=FakeClock(),
            tally=self.tally,
            notice=NoticeSpeaker(self.telephony, notice),
            has_room=lambda: self.room,
        )

    async def until_it_came(self, name: str) -> bool:
        """Its socket comes as soon as the stream of that name is asked for."""
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self.reopener.reopen(self.stream))
            while (await self.telephony.asked.get())[1] != name:
                pass
            self.stream.came()
        return asking.result()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are short."""
    for name, value in {"REOPEN_BACKOFF_S": (0.0, 0.01), "REFUSED_BACKOFF_S": 0.02, "BIND_TIMEOUT_S": 0.2}.items():
        monkeypatch.setattr(recovery, name, value)


@pytest.fixture
async def fork(database: Database) -> Fork:
    """Of a call that fetched its TwiML."""
    return (await open_call(SqlDirectory(database), "CA1")).fork


async def test_what_was_asked_for_without_an_answer_is_stopped_before_another_is(
    fork: Fork, database: Database
) -> None:
    asking = Asking(fork, SqlDirectory(database))
    asking.telephony.stream_failures = [NO_ANSWER]
    assert await asking.until_it_came(f"{fork.id}-3")
    assert asking.telephony.stopped == [f"{fork.id}-2"]
    assert asking.told == [("Twilio did not answer", False)]


async def test_a_socket_that_comes_without_an_answer_is_all_that_was_wanted(fork: Fork, database: Database) -> None:
    asking = Asking(fork, SqlDirectory(database))
    asking.telephony.stream_failures = [NO_ANSWER]
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(asking.reopener.reopen(asking.stream))
        while asking.telephony.stream_failures:
            await asyncio.sleep(0)
        asking.stream.came()
    assert running.result()
    assert asking.telephony.asked.empty()
    assert asking.telephony.stopped == []


async def test_what_was_refused_needs_no_stop_and_is_said(fork: Fork, database: Database) -> None:
    asking = Asking(fork, SqlDirectory(database))
    asking.telephony.stream_failures = [REFUSED, BUSY]
    assert await asking.until_it_came(f"{fork.id}-4")
    assert asking.telephony.stopped == []
    assert asking.told == [(REFUSED.reason, True), (BUSY.reason, False)]
    assert asking.tally.streams_asked_for == {"refused": 2, "came": 1}


async def test_the_provider_s_word_that_it_cannot_open_a_stream_ends_the_waiting(
    fork: Fork, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "BIND_TIMEOUT_S", 60.0)
    asking = Asking(fork, SqlDirectory(database))
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(asking.reopener.reopen(asking.stream))
        assert (await asking.telephony.asked.get())[1] == f"{fork.id}-2"
        asking.stream.failed(f"{fork.id}-1", "of an older one")
        asking.stream.failed(f"{fork.id}-2", "31901 no answer")
        assert (await asking.telephony.asked.get())[1] == f"{fork.id}-3"
        asking.stream.came()
    assert running.result()
    assert asking.told == [("31901 no answer", False)]


async def test_nobody_is_forked_before_the_notice_was_heard(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those do not hear it again who heard it by our TwiML."""
    monkeypatch.setattr("sidecar.runtime.notice.spoken_within_s", lambda _: 0.01)
    directory = SqlDirectory(database)
    heard = (await open_call(directory, "CA1")).fork
    met = fork_request("CA2", conference_id=heard.conference_id, token_hash="")
    for fork, times in ((heard, 0), ((await directory.open_participant(met)).fork, 1)):
        asking = Asking(fork, directory, notice="This call is transcribed.")
        assert await asking.until_it_came(f"{fork.id}-{fork.epoch + 1}")
        assert asking.telephony.announced.qsize() == times


async def test_a_call_that_is_over_is_not_asked_for_again(fork: Fork, database: Database) -> None:
    """It hangs up while its stream is being asked for; until then a network that does not answer is asked again."""
    asking = Asking(fork, SqlDirectory(database))
    asking.telephony.failures = [NO_ANSWER]
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(asking.reopener.reopen(asking.stream))
        assert (await asking.telephony.asked.get())[1] == f"{fork.id}-2"
        asking.telephony.hung_up.add(fork.call_sid)
    assert running.result() is False
    assert asking.telephony.asked.empty()
    assert not asking.stream.bound


async def test_what_was_not_asked_for_is_not_waited_for(
    fork: Fork, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network did not even say whether the call goes on."""
    monkeypatch.setattr(recovery, "BIND_TIMEOUT_S", 60.0)
    asking = Asking(fork, SqlDirectory(database))
    asking.telephony.failures = [NO_ANSWER]
    assert await asking.until_it_came(f"{fork.id}-2")


async def test_without_room_nothing_is_asked_for(fork: Fork, database: Database) -> None:
    asking = Asking(fork, SqlDirectory(database))
    asking.room = False
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(asking.reopener.reopen(asking.stream))
        await asyncio.sleep(0.1)
        assert asking.telephony.asked.empty()
        asking.wanted = False
    assert not running.result()
