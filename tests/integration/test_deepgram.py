"""Deepgram's adapter through the real SDK and a real socket: what it sends, what it reads, and all that goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from sidecar.adapters.deepgram_account import DeepgramAccount
from sidecar.adapters.recognisers.deepgram import DeepgramRecogniser, deepgram_recogniser
from sidecar.adapters.recognisers.deepgram_results import CUT_AFTER_MS, CUT_AT_MS
from sidecar.adapters.recognisers.deepgram_stream import MAX_WAITING_BYTES, DeepgramStream, Limits
from sidecar.cli.children import free_ports
from sidecar.domain.errors import RecogniserUnavailable
from sidecar.ports.recogniser import FinalResult, PartialResult, Result, SpeechStarted
from tests.emulated_deepgram.ears import PAUSE_MS, NumberedEar, numbered_speech, numbered_word
from tests.emulated_deepgram.server import KEY, EmulatedDeepgram, Fault, running
from tests.voice_sounds import silence

FRAME = 800
# Everything at a tenth of its time or less, so that no test waits for seconds.
FAST = Limits(
    handshake_s=0.5,
    send_s=0.5,
    answer_s=0.5,
    finish_s=0.5,
    keep_alive_s=0.1,
    stopped_s=0.1,
    finalize_every_s=0.2,
    watch_s=0.02,
    rest_s=30.0,
)
PATIENT = 30.0


@asynccontextmanager
async def deepgram(
    *faults: Fault, limits: Limits | None = None, emulator: dict[str, Any] | None = None, key: str = KEY, **options: Any
) -> AsyncIterator[tuple[EmulatedDeepgram, DeepgramRecogniser]]:
    """The adapter and the emulator that it talks to."""
    async with running(**({"ear": NumberedEar} | (emulator or {}))) as (server, url):
        server.faults.extend(faults)
        async with deepgram_recogniser(DeepgramAccount(key, url), limits=limits, **options) as recogniser:
            yield server, recogniser


async def feed(stream: DeepgramStream, audio: bytes) -> None:
    """In pieces of 100 ms, with a chance for everybody else after each."""
    for at in range(0, len(audio), FRAME):
        stream.send(audio[at : at + FRAME])
        await asyncio.sleep(0)


async def outcome(stream: DeepgramStream) -> tuple[list[Result], RecogniserUnavailable | None]:
    """All results, and how they ended."""
    results: list[Result] = []
    try:
        async with asyncio.timeout(PATIENT):
            async for result in stream.results():
                results.append(result)  # noqa: PERF401 - what came before an error is wanted too
    except RecogniserUnavailable as error:
        return results, error
    return results, None


async def failure(stream: DeepgramStream) -> RecogniserUnavailable:
    """How the results ended; they must not have ended well."""
    _, error = await outcome(stream)
    assert error is not None
    return error


def finals(results: list[Result]) -> list[FinalResult]:
    return [result for result in results if isinstance(result, FinalResult)]


def numbers(results: list[Result]) -> list[int]:
    return [int(word[1:]) for final in finals(results) for word in final.text.split()]


async def test_it_connects_at_the_first_sound_and_times_count_from_the_first_byte() -> None:
    """Nobody pays for silence, and no part of the first word is missing."""
    async with deepgram() as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, silence(5_000))
        assert server.connections == []
        assert stream.noticed_ms >= 4_500
        await feed(stream, numbered_speech(1, 20))
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == list(range(1, 21))
    first = finals(results)[0]
    assert (first.start_ms, first.words[0].start_ms, first.words[0].end_ms) == (6_200, 6_200, 6_500)
    assert first.confidence == 0.9
    assert any(isinstance(result, PartialResult) for result in results)
    assert server.connections[0].audio_ms < 20 * 400 + 6 * PAUSE_MS


async def test_it_asks_for_what_it_needs_and_ends_in_order() -> None:
    """Booleans in small letters, one parameter for each keyterm; the emulator refuses what it does not know."""
    async with deepgram(language="multi", keyterms=["Harbor Bikes", "Ava"]) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 2))
        await stream.finish()
        assert numbers((await outcome(stream))[0]) == [1, 2]
        await stream.close()
    [connection] = server.connections
    asked = connection.query
    assert [value for name, value in asked if name == "keyterm"] == ["Harbor Bikes", "Ava"]
    assert {("model", "nova-3"), ("encoding", "mulaw"), ("sample_rate", "8000"), ("language", "multi")} <= set(asked)
    assert connection.headers["Authorization"] == f"Token {KEY}"
    assert connection.controls == ["CloseStream"]


async def test_a_paused_stream_is_kept_alive() -> None:
    """By messages of our own, for the SDK sends none; it outlives the server's time limit several times."""
    async with deepgram(limits=FAST, emulator={"idle_s": 0.4}) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        await server.until(lambda: server.connections[0].controls.count("KeepAlive") >= 8)
        await feed(stream, numbered_speech(2, 1))
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == [1, 2]


async def test_an_utterance_that_no_pause_will_end_is_finalized() -> None:
    """The line went dead in the middle of a sentence (mute, hold): its words do not wait for the next one."""
    async with deepgram(limits=FAST) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, b"".join(numbered_word(n) for n in range(8)))
        results = stream.results()
        async with asyncio.timeout(PATIENT):
            final = [result async for result in _until_final(results)][-1]
        assert numbers([final]) == list(range(8))
        await stream.close()
    assert "Finalize" in server.connections[0].controls


async def _until_final(results: AsyncIterator[Result]) -> AsyncIterator[Result]:
    async for result in results:
        yield result
        if isinstance(result, FinalResult):
            return


async def test_a_finalize_that_is_not_answered_costs_nothing() -> None:
    """Frozen words become an utterance all the same; what is not frozen waits for the end."""
    async with deepgram(Fault(ignore_finalize=True), limits=FAST) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, b"".join(numbered_word(n) for n in range(16)))
        await server.until(lambda: server.connections[0].controls.count("Finalize") >= 3)
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == list(range(16))


async def test_messages_that_nobody_knows_are_passed_over() -> None:
    """Unknown types (the SDK makes None of them), missing fields, wrong types, no JSON at all."""
    strange = (
        '{"type": "Warning", "code": "X"}',
        '{"type": "Results"}',
        '{"type": "Results", "start": 0, "duration": 1, "is_final": true}',
        '{"type": "Results", "start": "soon", "duration": -1, "channel": {"alternatives": "none"}}',
        '{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": -1}',
        '{"type": "Error", "variant": "SchemaError", "description": "what?"}',
        "[]",
        "7",
        "not json",
    )
    async with deepgram(Fault(say=strange)) as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 3))
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == [1, 2, 3]


@pytest.mark.parametrize(
    ("status", "code", "gap_reason"),
    [
        (400, "deepgram_bad_request", "recogniser_failed"),
        (401, "deepgram_unauthorized", "recogniser_failed"),
        (402, "deepgram_out_of_credit", "recogniser_failed"),
        (403, "deepgram_unauthorized", "recogniser_failed"),
        (429, "deepgram_too_many_sessions", "recogniser_overloaded"),
        (503, "deepgram_refused", "recogniser_failed"),
    ],
)
async def test_a_refusal_says_why_and_what_to_do(status: int, code: str, gap_reason: str) -> None:
    """With what Deepgram's own headers say; they are on the error behind the SDK's."""
    async with deepgram(Fault(refuse=status)) as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        error = await failure(stream)
        assert stream.noticed_ms == PAUSE_MS - 200
        await stream.close()
    assert (error.code, error.gap_reason) == (code, gap_reason)
    assert error.next_step
    for told in (str(status), "dg-error ORDERED", "dg-request-id 00000000"):
        assert told in error.message


async def test_a_wrong_key_is_not_tried_again_by_every_fork() -> None:
    """For half a minute ``open`` says the same without asking anybody."""
    async with deepgram(key="wrong") as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        assert (await failure(stream)).code == "deepgram_unauthorized"
        await stream.close()
        with pytest.raises(RecogniserUnavailable) as refused:
            await recogniser.open()
        with pytest.raises(RecogniserUnavailable):
            recogniser.check()
    assert refused.value.code == "deepgram_unauthorized"
    assert len(server.connections) == 1


async def test_a_server_that_is_not_there() -> None:
    """Connection refused."""
    account = DeepgramAccount(KEY, f"http://127.0.0.1:{free_ports(1)}")
    async with deepgram_recogniser(account) as recogniser:
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        assert (await failure(stream)).code == "deepgram_unreachable"
        await stream.close()


async def test_a_handshake_that_hangs_is_given_up_in_time() -> None:
    """The SDK's own limit is 20 s and cannot be set; nobody waits for it, not even at the end."""
    # The client alone would take 10 s to clean up.
    async with asyncio.timeout(9), deepgram(Fault(stall_handshake=True), limits=FAST) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        assert (await failure(stream)).code == "deepgram_handshake_timeout"
        await stream.close()
        assert recogniser.counts.sessions == 0
        again = await recogniser.open()
        await feed(again, numbered_speech(1, 1))
        await again.finish()
        assert numbers((await outcome(again))[0]) == [1]
        await again.close()
    assert len(server.connections) == 2


@pytest.mark.parametrize(
    ("close", "code", "told"),
    [
        ((1008, "DATA-0000"), "deepgram_audio_refused", "1008 DATA-0000"),
        ((1011, "NET-0000"), "deepgram_gave_up", "1011 NET-0000"),
        ((1000, ""), "deepgram_closed", ""),
        ((1001, "restart"), "deepgram_closed", ""),
        (None, "deepgram_unreachable", ""),
    ],
    ids=["1008", "1011", "1000", "1001", "dropped"],
)
async def test_a_stream_that_breaks_keeps_what_is_frozen_and_says_the_rest_is_lost(
    close: tuple[int, str] | None, code: str, told: str
) -> None:
    """The frozen words are finals, then comes the failure; from the first sound behind them on, all is unnoticed."""
    fault = Fault(close_at=(6_000, *close)) if close else Fault(drop_at=6_000)
    async with deepgram(fault) as (server, recogniser):
        stream = await recogniser.open()
        await feed(stream, b"".join(numbered_word(n) for n in range(24)))
        await server.until(lambda: not server.connections[0].open and server.connections[0].frames > 0)
        await feed(stream, b"".join(numbered_word(n) for n in range(24, 40)))
        results, error = await outcome(stream)
        noticed_ms = stream.noticed_ms
        await stream.close()
    assert error is not None
    assert error.code == code
    assert told in error.message
    assert numbers(results) == [int(word[1:]) for word in server.connections[0].words]
    last = finals(results)[-1]
    assert last.end_ms <= noticed_ms <= last.end_ms + 300


async def test_a_peer_that_falls_silent_is_noticed() -> None:
    """There was a sound, and nothing was told: the connection looks open, but nobody is there."""
    async with deepgram(Fault(silent=True), limits=FAST) as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 8))
        error = await failure(stream)
        assert error.code == "deepgram_silent"
        assert stream.noticed_ms == PAUSE_MS - 200
        await stream.close()


async def test_a_peer_that_never_finishes_holds_nobody_up() -> None:
    """Leaving the SDK's connection would take 30 s."""
    limits = Limits(answer_s=60.0, finish_s=0.3, watch_s=0.02)
    async with asyncio.timeout(25), deepgram(Fault(silent=True), limits=limits) as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 2))
        await stream.finish()
        assert (await failure(stream)).code == "deepgram_silent"
        await stream.close()


async def test_a_peer_that_takes_no_more_audio_is_given_up() -> None:
    """Meanwhile ``send`` takes no more than memory is set aside for."""
    async with deepgram(Fault(stuck=True), limits=Limits(send_s=0.3, answer_s=60, watch_s=0.02)) as (_, recogniser):
        stream = await recogniser.open()
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(failure(stream), name="reader")
            async with asyncio.timeout(PATIENT):
                word, refused = numbered_word(1), False
                while not refused:
                    try:
                        stream.send(word)
                    except RecogniserUnavailable as full:
                        refused = full.code == "deepgram_stalled"
                    await asyncio.sleep(0)
                assert stream._waiting_bytes <= MAX_WAITING_BYTES + len(word)
                await asyncio.wait([ending])
        assert ending.result().code == "deepgram_stalled"
        await stream.close()


async def test_there_are_no_more_sessions_than_agreed() -> None:
    """The one too many is refused with a reason; the place is free again when a stream has ended."""
    async with deepgram(max_sessions=1) as (server, recogniser):
        first, second = await recogniser.open(), await recogniser.open()
        await feed(first, numbered_speech(1, 1))
        await feed(second, numbered_speech(1, 1))
        error = await failure(second)
        assert (error.code, error.gap_reason) == ("recogniser_sessions_full", "recogniser_overloaded")
        await second.close()
        await first.finish()
        assert numbers((await outcome(first))[0]) == [1]
        await first.close()
        third = await recogniser.open()
        await feed(third, numbered_speech(3, 1))
        await third.finish()
        assert numbers((await outcome(third))[0]) == [3]
        await third.close()
    figures = {figure.name: figure.value for figure in recogniser.figures()}
    assert len(server.connections) == 2
    assert (figures["sessions"], figures["sessions_opened"], figures["sessions_without_place"]) == (0, 2, 1)
    assert figures["audio_sent_seconds"] == pytest.approx(sum(one.audio_ms for one in server.connections) / 1000)


async def test_an_empty_piece_of_audio_is_never_sent() -> None:
    """Deepgram takes it for the end of the stream; the emulator closes with 1008."""
    async with deepgram() as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, numbered_speech(1, 1))
        stream.send(b"")
        await feed(stream, numbered_speech(2, 1))
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == [1, 2]


async def test_close_leaves_in_the_middle_of_everything() -> None:
    """While dialling and while talking; the server sees the connection end."""
    async with deepgram(limits=FAST) as (server, recogniser):
        dialling = await recogniser.open()
        dialling.send(numbered_speech(1, 1))
        await dialling.close()
        talking = await recogniser.open()
        await feed(talking, numbered_speech(1, 3))
        await server.until(lambda: any(connection.frames > 5 for connection in server.connections))
        await talking.close()
        assert await outcome(talking) == ([], None)
        talking.send(numbered_speech(1, 1))
        await server.until(lambda: not any(connection.open for connection in server.connections))
    assert recogniser.counts.sessions == 0


async def test_somebody_who_never_pauses_is_cut_and_loses_no_word() -> None:
    """A minute in one breath: segments of up to 18 s, every word once, in order."""
    audio = b"".join(numbered_word(n) + silence(20) for n in range(180))
    async with deepgram() as (_, recogniser):
        stream = await recogniser.open()
        await feed(stream, audio)
        await stream.finish()
        results, error = await outcome(stream)
        await stream.close()
    assert error is None
    assert numbers(results) == list(range(180))
    lengths = [final.end_ms - final.start_ms for final in finals(results)]
    assert max(lengths) <= CUT_AT_MS
    # Audio runs ahead here, so what is left behind a cut may be short.
    assert sum(length >= CUT_AFTER_MS for length in lengths) == 3
    started = [result.segment for result in results if isinstance(result, SpeechStarted)]
    assert started == [final.segment for final in finals(results)]


async def test_the_key_is_nowhere_to_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """Not in logs at their loudest, not in errors, not in what an object says of itself."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        async with deepgram(Fault(refuse=401)) as (_, recogniser):
            stream = await recogniser.open()
            await feed(stream, numbered_speech(1, 1))
            error = await failure(stream)
            await stream.close()
    said = [caplog.text, str(logged), str(error), repr(error), repr(error.__context__)]
    assert "[REDACTED]" in caplog.text
    assert not any(KEY in text for text in [*said, repr(DeepgramAccount(KEY))])
    assert any(entry.get("code") == "deepgram_unauthorized" for entry in logged)
