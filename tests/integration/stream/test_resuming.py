"""GET /v1/stream, gone on with: behind the position that a client has, or anew where that is nothing here."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import pytest

from sidecar.adapters.sql.tables import events as event_rows
from sidecar.ports.directory import BoundFork
from sidecar.runtime.event_bus import conference_topic
from sidecar.wire.sse import Positions
from tests.facts import said
from tests.integration.stream.rig import EventSource, Service, partial, topic


@pytest.mark.parametrize("carrier", ["header", "query"])
async def test_a_client_goes_on_behind_the_id_it_has(
    service: Service, client: aiohttp.ClientSession, carrier: str
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, index) for index in range(5)])
    position = str(Positions(await service.log.epoch(), {call.conference.id: 3}))
    stale = str(Positions(await service.log.epoch(), {call.conference.id: 1}))
    query = [*topic(call), ("last_event_id", stale if carrier == "header" else position)]
    headers = {"Last-Event-ID": position} if carrier == "header" else {}
    async with client.get(service.url, params=query, headers=headers) as response:
        frames = await EventSource(response).until("utterance.final", 2)
    assert frames[0].data["resumed"] is True
    assert [frame.data["seq"] for frame in frames[1:]] == [4, 5]


async def test_a_client_that_reads_for_several_pages_says_in_words_where_each_of_them_is(
    service: Service, client: aiohttp.ClientSession
) -> None:
    calls = [await service.call(name) for name in ("one", "two", "three")]
    for call in calls:
        await service.writer.submit([said(call, index) for index in range(3)])
    one, two, three = (call.conference.id for call in calls)
    query = [*topic(*calls), ("epoch", await service.log.epoch()), ("after", f"{one}:2"), ("after", f"{two}:3")]
    async with client.get(service.url, params=query) as response:
        frames = await EventSource(response).until("utterance.final", 4)
    assert frames[0].data["resumed"] is True
    assert frames[0].data["from"] == {one: 2, two: 3, three: 0}
    assert [(frame.data["conference"], frame.data["seq"]) for frame in frames[1:]] == [
        (one, 3), (three, 1), (three, 2), (three, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epoch", "after", "reason"),
    [("another", "{id}:1", "other_epoch"), ("", "{id}:9", "other_epoch"), ("{epoch}", "{id}", "position_unknown")],
)
async def test_words_that_are_no_position_here_are_a_gap_and_the_replay_starts_anew(
    service: Service, client: aiohttp.ClientSession, epoch: str, after: str, reason: str
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, 0)])
    words = {"epoch": epoch.format(epoch=await service.log.epoch()), "after": after.format(id=call.conference.id)}
    async with client.get(service.url, params=[*topic(call), *words.items()]) as response:
        _, gap, first = await EventSource(response).until("utterance.final")
    assert gap.data == {"reason": reason, "topics": [conference_topic(call.conference.id)]}
    assert first.data["seq"] == 1


@pytest.mark.parametrize("seed", range(4))
async def test_clients_that_are_cut_off_at_random_miss_nothing_and_get_nothing_twice(
    seed: int, service: Service, client: aiohttp.ClientSession
) -> None:
    """Two conferences are spoken in while three clients lose their connections again and again."""
    chance = random.Random(seed)
    calls = [await service.call("one"), await service.call("two")]
    total = 120

    async def speak(call: BoundFork) -> None:
        index = 0
        while index < total:
            count = min(chance.randint(1, 5), total - index)
            await service.writer.submit([said(call, index + n) for n in range(count)])
            index += count
            service.bus.publish(partial(call, f"utt_p{index}", "hm"))

    async def listen() -> None:
        seen: dict[str, list[int]] = {call.conference.id: [] for call in calls}
        last_id: str | None = None
        connections = 0
        while any(len(seqs) < total for seqs in seen.values()):
            connections += 1
            patience = chance.randint(1, 60)
            headers = {} if last_id is None else {"Last-Event-ID": last_id}
            async with client.get(service.url, params=topic(*calls), headers=headers) as response:
                browser = EventSource(response)
                ready = await browser.frame()
                assert ready.data["resumed"] is (last_id is not None)
                while patience and any(len(seqs) < total for seqs in seen.values()):
                    frame = await browser.frame()
                    if frame.event == "utterance.final":
                        seen[frame.data["conference"]].append(frame.data["seq"])
                        last_id = frame.id
                        patience -= 1
                response.close()
        assert seen == {call.conference.id: list(range(1, total + 1)) for call in calls}, f"seed {seed}"
        assert connections > 1

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(speak(call), name="speaker")
        for number in range(3):
            group.create_task(listen(), name=f"client {number}")


async def test_a_client_may_ask_by_twilios_id_and_by_ours_at_once(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    await service.directory.bind_conference(call.conference.id, "CF123")
    await service.writer.submit([said(call, 0)])
    async with client.get(service.url, params=[*topic(call), ("topic", "conference:CF123")]) as response:
        frames = await EventSource(response).until("utterance.final")
        assert list(frames[0].data["from"]) == [call.conference.id]
        await service.writer.submit([said(call, 1)])
        assert (await EventSource(response).frame()).data["seq"] == 2


async def test_an_id_of_another_life_of_the_store_is_a_gap_and_the_replay_starts_anew(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    await service.writer.submit([said(call, 0)])
    for position, reason in [
        (str(Positions("another", {call.conference.id: 1})), "other_epoch"),
        (str(Positions(await service.log.epoch(), {call.conference.id: 9})), "beyond_end"),
        ("certainly not ours", "position_unknown"),
    ]:
        async with client.get(service.url, params=topic(call), headers={"Last-Event-ID": position}) as response:
            ready, gap, first = await EventSource(response).until("utterance.final")
        assert ready.data["resumed"] is False
        assert (gap.event, gap.id) == ("stream.gap", None)
        assert gap.data == {"reason": reason, "topics": [conference_topic(call.conference.id)]}
        assert first.data["seq"] == 1
        assert first.id == str(Positions(await service.log.epoch(), {call.conference.id: 1}))


async def test_a_topic_that_the_id_does_not_know_is_replayed_without_a_gap(
    service: Service, client: aiohttp.ClientSession
) -> None:
    old, new = await service.call("old"), await service.call("new")
    await service.writer.submit([said(old, 0), said(new, 0)])
    position = str(Positions(await service.log.epoch(), {old.conference.id: 1}))
    async with client.get(service.url, params=topic(old, new), headers={"Last-Event-ID": position}) as response:
        ready, first = await EventSource(response).until("utterance.final")
    assert ready.data["resumed"] is True
    assert (first.data["conference"], first.data["seq"]) == (new.conference.id, 1)


async def test_history_that_is_gone_from_the_store_is_a_gap(service: Service, client: aiohttp.ClientSession) -> None:
    call = await service.call()
    await service.writer.submit([said(call, index) for index in range(5)])
    async with service.database.write() as connection:
        await connection.execute(event_rows.delete().where(event_rows.c.seq <= 3))
    position = str(Positions(await service.log.epoch(), {call.conference.id: 1}))
    async with client.get(service.url, params=topic(call), headers={"Last-Event-ID": position}) as response:
        frames = await EventSource(response).until("utterance.final", 2)
    assert [frame.event for frame in frames] == ["stream.ready", "stream.gap", "utterance.final", "utterance.final"]
    assert frames[1].data["reason"] == "history_gone"


async def test_events_that_another_process_stored_are_read_from_the_log(
    service: Service, client: aiohttp.ClientSession
) -> None:
    call = await service.call()
    async with client.get(service.url, params=topic(call)) as response:
        browser = EventSource(response)
        await browser.frame()
        await service.log.append([said(call, 0), said(call, 1)])  # nobody is told
        await service.writer.submit([said(call, 2)])
        frames = [await browser.frame() for _ in range(3)]
    assert [frame.data["seq"] for frame in frames] == [1, 2, 3]
