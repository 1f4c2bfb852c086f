"""A call as a browser test tells it: who joins, who says what, what goes wrong; and the process that serves it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.callers import BEARER
from tests.stores import lay_out

ROOT = Path(__file__).resolve().parents[2]
HTTP_TIMEOUT_S = 60.0
WAIT_TIMEOUT_S = 60.0
_numbers = itertools.count(1)


class ServiceProcess:
    """The service of ``tests/browser/service.py`` on a fixed port; may be killed and started again.

    ``cookie``: the name of its session cookie. ``all``: every service of this run.
    """

    all: ClassVar[list[ServiceProcess]] = []

    def __init__(self, port: int, database_url: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.database_url = database_url
        self._port = port
        self.cookie = f"sidecar-{port}"
        ServiceProcess.all.append(self)
        self._process: subprocess.Popen[str] | None = None

    def start(self, *, away_with: int | None = None, still: bool = False) -> None:
        """Returns when it listens. ``away_with``: a proxy instead, that answers all with this status.

        ``still``: its clock stands still.
        """
        lay_out(Path(self.database_url.removeprefix("sqlite:///")))
        status = ["still"] if still else [] if away_with is None else [str(away_with)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.service", str(self._port), self.database_url, *status],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"The service did not start:\n{self._process.stderr.read()}")

    def kill(self) -> None:
        """As kill -9 does: no goodbye."""
        if self._process is None:
            return
        self._process.kill()
        self._process.communicate()
        self._process = None

    def post(self, path: str, body: Any) -> Any:
        """JSON in, JSON out."""
        request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
            self.url + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"} | BEARER
        )
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)

    def get(self, path: str) -> Any:
        """JSON out."""
        request = urllib.request.Request(self.url + path, headers=BEARER)  # noqa: S310 - as above
        with urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)

    def waits_until(self, path: str, reached: Callable[[Any], bool]) -> Any:
        """Ask again until the answer is as wanted, and return it."""
        deadline = time.monotonic() + WAIT_TIMEOUT_S
        while not reached(answer := self.get(path)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} still answers {answer}")
            time.sleep(0.05)
        return answer


@dataclass
class Speaker:
    """A participant and its fork."""

    participant: str
    fork: str
    call_sid: str
    name: str
    role: str


@dataclass
class Call:
    """One conference. Times are ms on its clock; ``say`` moves the clock on."""

    service: ServiceProcess
    room: str = field(default_factory=lambda: f"room-{next(_numbers)}")
    id: str = ""
    now_ms: int = 0
    age_ms: int = 60_000

    @property
    def url(self) -> str:
        """The page."""
        return f"{self.service.url}/conferences/{self.id}"

    @property
    def panel_url(self) -> str:
        """The agent's panel."""
        return f"{self.service.url}/agent/{self.id}"

    def begin(self) -> None:
        """The provider says that it is in progress. There must be a speaker."""
        self.tell("conference.started", room=self.room, conference_sid=None)

    def expect(self, name: str, role: str = "agent") -> Speaker:
        """A call that fetched its TwiML and has not joined yet."""
        wish = {"room": self.room, "name": name, "label": role, "role": role, "age_ms": self.age_ms}
        made = self.service.post("/test/calls", wish)
        self.id = made["conference"]
        return Speaker(made["participant"], made["fork"], made["call_sid"], name, role)

    def join(self, name: str, role: str = "agent") -> Speaker:
        """A participant who is on the call and heard."""
        who = self.expect(name, role)
        self.tell(
            "participant.joined", participant=who.participant, call_sid=who.call_sid, label=role, name=name,
            role=role, at_ms=self.now_ms,
        )  # fmt: skip
        self.tell("fork.started", fork=who.fork, participant=who.participant, stream_sid="MZ1", at_ms=self.now_ms)
        return who

    def stand(self, who: Speaker, **signs: bool) -> None:
        """How somebody stands in the room from now on: ``muted``, ``hold``, ``coaching``."""
        self.now_ms += 1_000
        self.tell(
            "participant.updated", participant=who.participant, label=who.role, name=who.name, role=who.role,
            at_ms=self.now_ms, **signs,
        )  # fmt: skip

    def say(self, who: Speaker, text: str, *, lasts_ms: int = 1500, **changes: Any) -> str:
        """A final. Returns the utterance's id."""
        fact = self.final(who, text, lasts_ms=lasts_ms, **changes)
        self.tell_all([fact])
        utterance_id: str = fact["data"]["id"]
        return utterance_id

    def say_many(self, who: Speaker, texts: list[str]) -> list[str]:
        """Finals in one batch, one after the other."""
        facts = [self.final(who, text) for text in texts]
        self.tell_all(facts)
        return [fact["data"]["id"] for fact in facts]

    def final(self, who: Speaker, text: str, *, lasts_ms: int = 1500, **changes: Any) -> dict[str, Any]:
        """A final that is not told yet."""
        n = next(_numbers)
        start_ms = changes.pop("start_ms", self.now_ms)
        self.now_ms = max(self.now_ms, start_ms + lasts_ms)
        data = {
            "id": f"utt_{n:06}", "participant": who.participant, "fork": who.fork, "session": "ses_1",
            "result_index": n, "revision": 1, "start_ms": start_ms, "end_ms": start_ms + lasts_ms, "text": text,
            "engine": "local", "lag_ms": 400,
        } | changes  # fmt: skip
        return {"conference": self.id, "type": "utterance.final", "data": data, "at_ms": self.now_ms}

    def partial(self, who: Speaker, text: str, *, id_: str, **changes: Any) -> None:
        """The present text of an utterance that goes on."""
        data = {
            "id": id_, "participant": who.participant, "start_ms": self.now_ms, "end_ms": self.now_ms + 500,
            "text": text, "lag_ms": 300,
        } | changes  # fmt: skip
        self.tell("utterance.partial", **data)

    def health(self, who: Speaker, engine: str | None, *, fallback: bool, behind_ms: int) -> None:
        """Who transcribes somebody just now."""
        self.tell(
            "fork.health", participant=who.participant, fork=who.fork, engine=engine, fallback=fallback,
            behind_ms=behind_ms,
        )  # fmt: skip

    def gap(self, who: Speaker, from_ms: int, to_ms: int, reason: str) -> None:
        """Audio that was not transcribed."""
        self.now_ms = max(self.now_ms, to_ms)
        self.tell(
            "transcript.gap", participant=who.participant, fork=who.fork, from_ms=from_ms, to_ms=to_ms, reason=reason
        )

    def invite(self, by: str = "Maya", prompt: str = "Explain the refund policy, be brief.") -> Helper:
        """An assistant on its way, as the service tells it."""
        n = next(_numbers)
        helper = Helper(self, f"ast_{n}", f"par_assistant_{n}")
        helper.tell(
            "requested", name="Ava", by=by, prompt=prompt, speaks="addressed", announce="announce", audience="all",
            at_ms=self.now_ms,
        )  # fmt: skip
        return helper

    def end(self) -> None:
        """The conference is over and its transcript complete."""
        self.tell("conference.ended", reason="last-participant-left", at_ms=self.now_ms)
        self.tell("transcript.completed", utterances=2, gaps=1, gap_ms=4000, last_seq=1, sha256="0" * 64, revision=1)

    def tell(self, type_: str, **data: Any) -> None:
        """Any event."""
        self.tell_all([{"conference": self.id, "type": type_, "data": data, "at_ms": self.now_ms}])

    def tell_all(self, facts: list[dict[str, Any]]) -> None:
        """Several events in one transaction."""
        self.service.post("/test/events", facts)


@dataclass
class Helper:
    """An assistant as the service tells of it."""

    call: Call
    id: str
    participant: str

    def tell(self, type_: str, **data: Any) -> None:
        """An event of it."""
        self.call.tell(f"assistant.{type_}", assistant=self.id, participant=self.participant, **data)

    def join(self) -> None:
        """Its leg is in the conference and its line open."""
        call_sid, label = f"CA{self.id}", f"assistant-{self.id}"
        self.call.tell(
            "participant.joined", participant=self.participant, call_sid=call_sid, label=label, name="Ava",
            role="assistant", at_ms=self.call.now_ms,
        )  # fmt: skip
        self.tell("joined", call_sid=call_sid, label=label, name="Ava", at_ms=self.call.now_ms)
        self.does("listening")

    def does(self, state: str, **more: Any) -> None:
        """What it does from now on."""
        told = {"muted": False, "speaks": "addressed", "audience": "all", "at_ms": self.call.now_ms} | more
        self.tell("state", state=state, **told)

    def answers(
        self, heard: str, cut: str = "", *, to: Speaker | None = None, lasts_ms: int = 3_000, **more: Any
    ) -> str:
        """A turn of it is over. Returns the id of its line."""
        start_ms = self.call.now_ms
        voice = Speaker(self.participant, "", f"CA{self.id}", "Ava", "assistant")
        line = self.call.say(voice, heard, lasts_ms=lasts_ms, cut=cut, lag_ms=0, session=self.id)
        facts = {
            "utterance": line, "start_ms": start_ms, "end_ms": self.call.now_ms, "text": heard + cut, "heard": heard,
            "why": "addressed", "outcome": "interrupted" if cut else "completed", "to": to and to.participant,
            "latency": {"model": 610, "voice": 190, "waited": 0, "sent": 2, "total": 802},
        }  # fmt: skip
        self.tell("turn", **(facts | more))
        return line
