"""The assistant over an emulated network: invited, addressed, interrupted, cut off and back, dismissed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sidecar.adapters.chat_models.scripted import ScriptedChatModel
from sidecar.domain import notice
from sidecar.runtime.assistant.desk import Engines
from tests.assisted_call import AssistedCall
from tests.fake_engines import FakeVoice
from tests.line import running_line
from tests.phrase_book import BookRecogniser, PhraseBook

pytestmark = pytest.mark.traced(False)  # its parts are shown one by one elsewhere

ORDER = "My order number is seven three five two nine."
RECAP = "Ava, give us a recap."
OBJECTION = "No, that is not what I wanted."
STOP = "Hold on please."
LISTENING = "Mm-hm, okay."


@pytest.fixture
async def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AssistedCall]:
    """Announcements take no time."""
    monkeypatch.setattr(notice, "BEFORE_IT_STARTS_S", 0.0)
    monkeypatch.setattr(notice, "SPOKEN_CHARS_PER_S", 1_000)
    book = PhraseBook(tmp_path, ORDER, RECAP, OBJECTION, STOP, LISTENING)
    async with running_line(tmp_path, BookRecogniser(book), Engines(ScriptedChatModel(), FakeVoice())) as line:
        call = AssistedCall(line, book)
        await call.begin()
        yield call


async def test_it_is_invited_answers_by_name_is_interrupted_and_leaves(call: AssistedCall) -> None:
    """It says what it is told; a sign of listening does not stop it, other words and a stop word do."""
    await call.says("customer", ORDER)
    await call.told("utterance.final")
    one = await call.invite(prompt="Be brief.")
    answer = await call.ask("POST", f"/{one}/prompts", {"text": "read back the last number", "reply": "text"})
    assert answer == (200, {"answer": "The last number, from Customer, was seven three five two nine."})
    assert (await call.ask("POST", f"/{one}/say", {"text": "Good morning."}))[0] == 202
    turn = await call.told("assistant.turn")
    assert (turn["heard"], turn["outcome"], turn["why"]) == ("Good morning.", "completed", "say")
    await call.says("agent", RECAP)
    await call.until_speaking()
    await call.says("customer", LISTENING)
    await asyncio.sleep(2)
    await call.says("customer", OBJECTION)
    turn = await call.told("assistant.turn", 2)
    assert (turn["outcome"], turn["why"], turn["to"]) == ("interrupted", "addressed", call.participant("agent"))
    assert turn["text"].startswith(turn["heard"])
    assert 2 < len(turn["heard"].split()) < len(turn["text"].split())
    await call.says("agent", RECAP)
    await call.until_speaking()
    await call.says("agent", STOP)
    turn = await call.told("assistant.turn", 3)
    assert turn["outcome"] == "stop_word"
    assert (await call.ask("POST", f"/{one}/say", {"text": "I am saying my last words."}))[0] == 202
    assert (await call.ask("DELETE", f"/{one}"))[0] == 202
    left = await call.told("assistant.left")
    assert (left["reason"], left["by"]) == ("dismissed", "tests")
    turn = await call.told("assistant.turn", 4)
    assert (turn["heard"], turn["outcome"]) == ("I am saying my last words.", "completed")
    lines = await call.line.service.get(f"{call.conference}/utterances")
    mine = [line for line in lines["data"] if line["participant"] == turn["participant"]]
    assert mine[0]["text"] == "Good morning."
    assert [bool(line["cut"]) for line in mine] == [False, True, True, False]


async def test_a_line_that_breaks_comes_back_and_so_does_the_service(call: AssistedCall) -> None:
    """What it was saying is recorded as far as it was heard; it goes on with all that was said."""
    await call.says("customer", ORDER)
    await call.told("utterance.final")
    one = await call.invite()
    await call.says("agent", RECAP)
    await call.until_speaking()
    await asyncio.sleep(1.5)
    await call.cut(one)
    turn = await call.told("assistant.turn")
    assert turn["outcome"] == "line_lost"
    assert 0 < len(turn["heard"]) < len(turn["text"])
    await call.until_state(one, "listening")
    await call.says("agent", RECAP)
    turn = await call.told("assistant.turn", 2)
    assert turn["outcome"] == "completed"
    await call.line.control("/control/assumptions", {"connection_lost": "hang_up"})
    await call.cut(one)
    left = await call.told("assistant.left")
    assert left["reason"] in ("call_ended", "removed")


async def test_one_at_a_time_announced_and_gone_when_it_is_not_wanted(call: AssistedCall) -> None:
    """The same key the same answer, another invitation a conflict; cancelled while joining; declined; refused."""
    status, problem = await call.ask("POST", body={"announce": "none"})
    assert (status, problem["code"]) == (422, "announcement_needed")
    key = {"Idempotency-Key": "once"}
    answers = [await call.ask("POST", body={"speaks": "asked"}, **key) for _ in range(2)]
    assert [status for status, _ in answers] == [202, 202]
    assert answers[0][1] == answers[1][1]
    one = answers[0][1]["id"]
    status, problem = await call.ask("POST", body={})
    assert (status, problem["code"], problem["assistant"]["id"]) == (409, "assistant_present", one)
    assert (await call.ask("DELETE", f"/{one}?now=true"))[0] == 202
    left = await call.told("assistant.left")
    assert (left["assistant"], left["reason"]) == (one, "dismissed")
    await call.line.until(lambda state: [len(room["participants"]) for room in state["conferences"]] == [2])
    assert (await call.ask("POST", f"/{one}/say", {"text": "Still there?"}))[1]["code"] == "assistant_gone"

    two = await call.invite(announce="ask")
    await call.says("customer", OBJECTION)
    left = await call.told("assistant.left", 2)
    assert (left["assistant"], left["reason"]) == (two, "declined")

    await call.line.order("fail_rest", count=1, status=400, code=21216, path="/Participants")
    status, _ = await call.ask("POST", body={})
    assert status == 202
    failed = await call.told("assistant.failed")
    assert failed["reason"] == "invitation_refused"
    assert failed["detail"].startswith("Twilio error 21216")
    state = await call.line.state()
    assert [room["status"] for room in state["conferences"]] == ["in-progress"], "it never ends a conference"
    statuses = {leg["sid"]: leg["status"] for leg in state["calls"]}
    assert {statuses[one["call_sid"]] for one in call.people.values()} == {"in-progress"}
    listed = (await call.ask("GET"))[1]["data"]
    assert [one["stage"] for one in listed] == ["failed", "left", "left"]


async def test_it_coaches_the_agent_alone_and_leaves_with_the_last_human(call: AssistedCall) -> None:
    """Only the agent's words count and only the agent hears it; muted it is silent; nobody is left: it goes."""
    one = await call.invite(announce="none", audience="agent")
    state = await call.line.state()
    legs = [leg for room in state["conferences"] for leg in room["participants"].values()]
    [mine] = [leg for leg in legs if leg["label"] == f"assistant-{one}"]
    assert (mine["coaching"], mine["call_sid_to_coach"]) == (True, call.people["agent"]["call_sid"])
    assert (mine["start_on_enter"], mine["end_on_exit"]) == (False, False)
    assert (await call.ask("POST", f"/{one}/mute"))[1]["muted"]
    await call.says("agent", RECAP)
    await asyncio.sleep(4)
    assert (await call.ask("POST", f"/{one}/unmute"))[1]["muted"] is False
    await call.says("customer", RECAP)
    await asyncio.sleep(4)
    await call.says("agent", RECAP)
    turn = await call.told("assistant.turn")
    assert (turn["outcome"], turn["to"]) == ("completed", call.participant("agent"))
    [line] = [
        event["data"] for event in await call.line.service.events() if event["data"].get("id") == turn["utterance"]
    ]
    assert line["coaching"]
    status, changed = await call.ask("PATCH", f"/{one}", {"audience": "all", "speaks": "asked"})
    assert (status, changed["audience"], changed["speaks"]) == (200, "all", "asked")
    for label in ("agent", "customer"):
        await call.line.hang_up(call.people[label]["call_sid"])
    assert (await call.told("assistant.left"))["reason"] in ("last_human_left", "conference_ended")
    events = await call.line.ended()
    assert events[-1]["type"] == "transcript.completed"
    kinds = [event["type"] for event in events]
    assert kinds.index("assistant.left") < kinds.index("transcript.completed")
