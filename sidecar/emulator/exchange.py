"""Puts the small Twilio together: one account, its calls, rooms, streams and clocks, and their orderly end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from sidecar.emulator.announcer import Announcer
from sidecar.emulator.assumptions import Assumptions
from sidecar.emulator.callbacks import Callbacks
from sidecar.emulator.calls import Calls
from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import Rooms
from sidecar.emulator.debugger import Debugger
from sidecar.emulator.desk import Desk
from sidecar.emulator.faults.pending import Faults
from sidecar.emulator.performer import Performer
from sidecar.emulator.sids import new_sid
from sidecar.emulator.signing import Signer
from sidecar.emulator.sound.files import Recordings
from sidecar.emulator.sound.hearing import Hearing
from sidecar.emulator.sound.recorder import Recorder
from sidecar.emulator.sound.ticker import Ticker
from sidecar.emulator.sound.track import AudioTrack
from sidecar.emulator.spawn import spawner
from sidecar.emulator.state import Account, PhoneNumber, State, VoiceHook
from sidecar.emulator.streams.runner import Streams
from sidecar.emulator.webhooks import Webhooks, new_session

FAREWELL_S = 3.0  # at the end: for last frames, ``stop`` and last callbacks


CALLED_NUMBER = "+12025550100"  # the account's one number; 555-01xx: reserved for fiction


class Exchange:
    """All parts of one running emulator. Its tasks belong to the group it is given."""

    def __init__(self, account: Account, http: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        self.faults = Faults()
        self.assumptions = Assumptions()
        signer = Signer(account.auth_token, self.faults)
        webhooks = Webhooks(http, signer, self.faults)
        self.spawn = spawner(tasks)
        self.state = new_state(account)
        self.debugger = Debugger()
        self.ticker = Ticker()
        self.recordings = Recordings(http)
        self.callbacks = Callbacks(webhooks, self.debugger, self.spawn, self.faults)
        self.streams = Streams(
            self.state,
            http=http,
            signer=signer,
            ticker=self.ticker,
            callbacks=self.callbacks,
            debugger=self.debugger,
            spawn=self.spawn,
            assumptions=self.assumptions,
        )
        rooms = Rooms(self.state)
        performer = Performer(
            account,
            rooms=rooms,
            webhooks=webhooks,
            streams=self.streams,
            callbacks=self.callbacks,
            recordings=self.recordings,
            ticker=self.ticker,
            debugger=self.debugger,
            assumptions=self.assumptions,
        )
        self.hearing = Hearing(self.state, self.ticker, self._tracks_of, self.assumptions)
        self.calls = Calls(
            self.state,
            rooms=rooms,
            hearing=self.hearing,
            performer=performer,
            streams=self.streams,
            callbacks=self.callbacks,
            ticker=self.ticker,
            spawn=self.spawn,
            faults=self.faults,
        )
        self.recorder = Recorder(self.hearing, self.ticker)
        announcer = Announcer(webhooks, self.recordings, self.calls, self.ticker, self.debugger)
        self.desk = Desk(
            self.state, rooms=rooms, calls=self.calls, callbacks=self.callbacks, announcer=announcer, spawn=self.spawn
        )

    def _tracks_of(self, call_sid: str) -> Mapping[str, AudioTrack] | None:
        return self.calls.tracks(call_sid)  # calls need to hear before there are calls

    async def say_farewell(self) -> None:
        """Hang up every call and let stop frames and callbacks out, for at most FAREWELL_S."""
        self.calls.hang_up_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while not (self.calls.idle and self.streams.idle and self.callbacks.idle):
                    await self.ticker.next()


def new_state(account: Account) -> State:
    """An account with one number and nothing else."""
    now = utc_now()
    number = PhoneNumber(
        sid=new_sid("PN"),
        phone_number=CALLED_NUMBER,
        friendly_name="The emulator's number",
        hook=VoiceHook(),
        application_sid=None,
        created_at=now,
        updated_at=now,
    )
    return State(account=account, numbers={number.sid: number})


@asynccontextmanager
async def running_exchange(account: Account) -> AsyncIterator[Exchange]:
    """An exchange whose clock ticks, until the block is left; then every task of it has ended."""
    ready: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

    async def work(http: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as tasks:
            exchange = Exchange(account, http, tasks)
            tasks.create_task(exchange.ticker.run(), name="emulator-ticker")
            ready.set_result(exchange)

    async with new_session() as http, asyncio.TaskGroup() as owner:
        # One task owns the exchange's group, so that one cancel ends all that runs in it.
        exchange_task = owner.create_task(work(http), name="emulator-exchange")
        try:
            exchange = await ready
            yield exchange
            await exchange.say_farewell()
        finally:
            exchange_task.cancel()
