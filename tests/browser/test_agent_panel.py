"""The agent's panel in Chromium: by keyboard, with hostile text, and in a frame of another origin's page."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from sidecar.cli.children import free_ports
from tests.browser.call import Call
from tests.browser.conftest import NewPage

HOSTILE = "<img src=x onerror=alert(1)> & <script>alert(2)</script>"
HOST_PAGE = b"""<!doctype html><title>CRM</title><body><script>
const told = [];
addEventListener("message", ({ origin, data }) => told.push({ origin, ...data }));
</script>"""


class Crm(http.server.BaseHTTPRequestHandler):
    """A page of another origin, without any policy of ours."""

    def do_GET(self) -> None:
        """The same for each address."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(HOST_PAGE)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def crm() -> Iterator[str]:
    """The origin of a customer's own pages."""
    port = free_ports(1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Crm)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Wishes:
    """What the panel asks of the API, answered as told."""

    def __init__(self, page: Page, call: Call) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self.answer: tuple[int, dict[str, object]] = (202, {})
        self.call = call
        page.route("**/v1/conferences/*/assistants**", self._take)

    def _take(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/assistants")[2]
        self.asked.append((request.method, path, json.loads(request.post_data or "null")))
        route.fulfill(status=self.answer[0], json=self.answer[1])


class Host:
    """A customer's own page with the panel in a frame, and what it is told."""

    def __init__(self, page: Page, call: Call) -> None:
        self._page, self._call = page, call
        self.frame = page.frame_locator("iframe")

    def show(self, token: str) -> None:
        """The panel, with this token."""
        address = f"{self._call.service.url}/agent/{self._call.id}?token={token}"
        self._page.evaluate(
            """address => {
              document.querySelector("iframe")?.remove();
              const frame = Object.assign(document.createElement("iframe"), { src: address, width: 320, height: 700 });
              document.body.append(frame);
            }""",
            address,
        )

    def send(self, message: dict[str, object]) -> None:
        """To the frame."""
        self._page.evaluate(
            "message => document.querySelector('iframe').contentWindow.postMessage(message, '*')", message
        )

    def told(self, type_: str) -> dict[str, object]:
        """The newest message of this type, as soon as there is one."""
        return self._find("one.type === wanted", type_)

    def answered(self, id_: int) -> dict[str, object]:
        """What became of a command."""
        return self._find("one.id === wanted", id_)

    def _find(self, true: str, wanted: str | int) -> dict[str, object]:
        self._page.wait_for_function(f"wanted => told.some((one) => {true})", arg=wanted)
        found: dict[str, object] = self._page.evaluate(f"wanted => told.findLast((one) => {true})", wanted)
        return found


def test_it_is_invited_told_stopped_and_dismissed_by_keyboard(page: Page, call: Call) -> None:
    maya, customer = call.join("Maya"), call.join(HOSTILE, "customer")
    call.begin()
    call.say(customer, HOSTILE)
    wishes = Wishes(page, call)
    page.set_viewport_size({"width": 320, "height": 720})
    page.goto(call.panel_url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    state, line = page.locator("#assistant-state"), page.locator("#assistant-line")
    expect(line).to_have_text("Nobody has invited it.")
    expect(page.locator("#assistant-engines")).to_contain_text("Thinks with scripted, speaks with local. No model is")

    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#assistant-invite-prompt")).to_have_value("")
    asked = {"prompt": HOSTILE, "speaks": "addressed", "announce": "announce", "audience": "all"}
    assert wishes.asked.pop() == ("POST", "", asked)
    helper = call.invite(by=HOSTILE, prompt=HOSTILE)
    expect(state).to_have_text("Inviting")
    expect(page.locator("#assistant-prompt")).to_have_text(f"Prompt: {HOSTILE}")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    helper.join()
    expect(state).to_have_text("Listening")
    expect(page.locator("#announcer")).to_contain_text("Ava: on the call")

    page.get_by_label("Tell it something").fill("What is the total?")
    page.get_by_label("Its answer").select_option("text")
    wishes.answer = (200, {"answer": HOSTILE})
    page.get_by_role("button", name="Prompt").press("Enter")
    expect(page.locator("#assistant-answer p")).to_have_text(HOSTILE)
    assert wishes.asked.pop() == ("POST", f"/{helper.id}/prompts", {"text": "What is the total?", "reply": "text"})
    page.get_by_label("Tell it something").fill("Good morning.")
    wishes.answer = (202, {})
    page.get_by_role("button", name="Say this").press("Enter")
    expect(page.get_by_label("Tell it something")).to_have_value("")
    assert wishes.asked.pop() == ("POST", f"/{helper.id}/say", {"text": "Good morning."})

    helper.does("speaking")
    expect(state).to_have_text("Speaking")
    page.get_by_role("button", name="Stop").press("Enter")
    heard = helper.answers("Refunds take", f" five {HOSTILE}", to=maya, tools=[{"name": "leave", "outcome": "refused"}])
    expect(page.locator(f"#u-{heard} del")).to_have_text(f"five {HOSTILE}")
    expect(page.locator(f"#u-{heard} .text")).to_contain_text("Cut off, not heard:")
    expect(page.locator("#assistant-turns-title")).to_have_text("Answers (1)")
    page.locator("#assistant-turns summary").press("Enter")
    turn = page.locator(".turn")
    expect(turn).to_contain_text("addressed by Maya, ")
    expect(turn).to_contain_text("Tools: leave refused")
    expect(turn).to_contain_text("Answered in 0.8 s: model 0.6 s, voice 0.2 s")
    helper.does("listening", muted=True, note="muted")
    expect(state).to_have_text("Muted · listening")
    expect(page.locator("#assistant-note")).to_have_text("Somebody addressed it, but it is muted.")
    expect(page.locator("#assistant-problem")).to_be_hidden()
    page.locator("#assistant-dismiss summary").press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="When it has finished speaking")).to_be_focused()
    page.keyboard.press("Enter")
    helper.tell("left", reason="dismissed", by="Maya", at_ms=call.now_ms)
    expect(line).to_have_text("Ava left at 00:04: dismissed by Maya")
    assert [(method, path) for method, path, _ in wishes.asked] == [
        ("POST", f"/{helper.id}/stop"), ("DELETE", f"/{helper.id}"),
    ]  # fmt: skip

    wishes.answer = (409, {"code": "assistant_present", "detail": "Somebody was quicker."})
    helper = call.invite()
    helper.tell("failed", reason="invitation_refused", detail="Twilio error 21216: not allowed", at_ms=call.now_ms)
    expect(page.locator("#assistant-note")).to_have_text("Twilio error 21216: not allowed")
    expect(page.get_by_role("button", name="Invite assistant")).to_be_visible()


def test_by_keyboard_it_is_muted_and_told_when_to_speak_and_what_is_refused_is_taken_back(
    new_page: NewPage, call: Call
) -> None:
    page = new_page(width=320, may_fail=True)
    call.join("Maya")
    call.begin()
    helper = call.invite()
    helper.join()
    wishes = Wishes(page, call)
    page.goto(call.panel_url)
    mute, state = page.locator("#assistant-mute"), page.locator("#assistant-state")
    expect(state).to_have_text("Listening")
    manners = {"id": helper.id, "speaks": "addressed", "audience": "all"}
    wishes.answer = (200, manners | {"muted": True})
    mute.press("Space")
    expect(state).to_have_text("Muted · listening")
    expect(mute).to_have_text("Unmute")
    expect(mute).to_have_attribute("aria-pressed", "true")
    assert wishes.asked.pop() == ("PATCH", f"/{helper.id}", {"muted": True})
    expect(page.locator("#announcer")).to_contain_text("Ava: on the call, muted")
    wishes.answer = (409, {"code": "assistant_gone", "detail": "Assistant is gone."})
    mute.press("Space")
    expect(page.locator(".toast")).to_contain_text("Still muted. Assistant is gone.")
    expect(mute).to_have_attribute("aria-pressed", "true")

    page.locator("#assistant-manners summary").press("Enter")
    speaks, audience = page.locator("#assistant-speaks-now"), page.locator("#assistant-audience-now")
    audience.press("ArrowDown")
    expect(audience).to_have_value("all")
    wishes.answer = (200, manners | {"muted": True, "speaks": "asked"})
    speaks.press("ArrowDown")
    expect(speaks).to_have_value("asked")
    asked = [body for method, _, body in wishes.asked if method == "PATCH"]
    assert asked == [{"muted": False}, {"audience": "agent"}, {"speaks": "asked"}]


def test_what_went_wrong_last_stays_to_be_seen_with_its_reason_when_the_assistant_goes_on(
    page: Page, call: Call
) -> None:
    """At once as a note; afterwards as a line with its time."""
    call.join("Maya")
    call.begin()
    helper = call.invite()
    helper.join()
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    note, problem = page.locator("#assistant-note"), page.locator("#assistant-problem")
    expect(page.locator("#assistant-state")).to_have_text("Listening")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    call.now_ms = 42_000
    helper.does("listening", note="failed", detail="chat_timeout")
    words = "It could not answer: the chat model did not answer in time (chat_timeout)"
    expect(note).to_have_text(words)
    expect(problem).to_be_hidden()
    helper.does("thinking")
    expect(note).to_be_hidden()
    expect(problem).to_have_text(f"Last problem at 00:42. {words}")
    helper.does("thinking", note="supervisor_wanted", detail="He wants one.")
    expect(note).to_have_text("It asks for a supervisor: He wants one.")
    expect(problem).to_be_visible()
    helper.tell("left", reason="dismissed", by="Maya", at_ms=call.now_ms)
    expect(problem).to_be_hidden()


def test_a_page_of_another_origin_frames_it_asks_and_gives_a_new_token(new_page: NewPage, call: Call, crm: str) -> None:
    call.join("Maya")
    call.begin()
    call.service.post("/test/origins", {"origin": crm})
    made = call.service.post(f"/v1/conferences/{call.id}/panel_tokens", {"name": "Maya", "lasts_s": 600})
    page = new_page(signed_in=False, may_fail=True)
    wishes = Wishes(page, call)
    page.goto(crm)

    host = Host(page, call)
    host.show("skp_expired")
    assert host.told("sidecar:token_needed")["origin"] == call.service.url
    expect(host.frame.locator("h1")).to_have_text("The access of this panel has ended")
    host.send({"type": "sidecar:token", "token": made["token"]})
    assert host.told("sidecar:ready")["conference"] == call.id
    frame = host.frame
    expect(frame.locator("#connection")).to_have_attribute("data-state", "live")
    expect(frame.get_by_role("link", name="Whole transcript")).to_have_count(0)

    host.send({"type": "sidecar:invite", "id": 7, "prompt": "Help."})
    assert host.told("sidecar:done")["id"] == 7
    assert wishes.asked == [("POST", "", {"prompt": "Help."})]
    helper = call.invite()
    helper.join()
    helper.does("speaking")
    page.wait_for_function("told.at(-1).type === 'sidecar:state' && told.at(-1).assistant?.state === 'speaking'")
    assert "prompt" not in page.evaluate("told.at(-1).assistant")
    host.send({"type": "sidecar:stop", "id": 8})
    host.send({"type": "sidecar:dismiss", "id": 9, "now": True})
    page.wait_for_function("told.filter((one) => one.type === 'sidecar:done').length === 3")
    assert [path for _, path, _ in wishes.asked[1:]] == [f"/{helper.id}/stop", f"/{helper.id}?now=true"]
    host.send({"type": "sidecar:sing", "id": 10})
    assert host.told("sidecar:refused")["code"] == "command_unknown"
    wishes.answer = (200, {"id": helper.id, "muted": True, "speaks": "addressed", "audience": "all"})
    host.send({"type": "sidecar:mute", "id": 11})
    page.wait_for_function("told.at(-1).type === 'sidecar:state' && told.at(-1).assistant?.muted")
    expect(frame.locator("#assistant-state")).to_have_text("Muted · speaking")
    wishes.answer = (200, {"answer": "Five days."})
    host.send({"type": "sidecar:prompt", "id": 12, "text": "How long?", "reply": "text"})
    assert host.answered(12)["answer"] == "Five days."
    assert wishes.asked[-2:] == [
        ("PATCH", f"/{helper.id}", {"muted": True}),
        ("POST", f"/{helper.id}/prompts", {"text": "How long?", "reply": "text"}),
    ]
    wishes.answer = (409, {"code": "assistant_gone", "detail": "Assistant is gone."})
    host.send({"type": "sidecar:mute", "id": 13, "muted": False})
    assert host.answered(13)["code"] == "assistant_gone"

    stranger = new_page(signed_in=False, may_fail=True)
    stranger.goto(crm.replace("localhost", "127.0.0.1"))
    stranger.evaluate(
        "src => document.body.append(Object.assign(document.createElement('iframe'), { src }))", made["url"]
    )
    stranger.wait_for_timeout(500)
    assert stranger.evaluate("told.length") == 0
    assert stranger.frame_locator("iframe").locator("#assistant").count() == 0


def test_a_token_that_is_lost_amid_a_call_is_asked_for_and_with_the_next_one_nothing_is_missing(
    new_page: NewPage, call: Call, crm: str
) -> None:
    """What was there stays readable meanwhile; what is asked for then is refused with words."""
    maya = call.join("Maya")
    call.begin()
    helper = call.invite()
    helper.join()
    call.service.post("/test/origins", {"origin": crm})
    page = new_page(signed_in=False, may_fail=True)
    page.goto(crm)
    host = Host(page, call)
    host.show(call.service.post(f"/v1/conferences/{call.id}/panel_tokens", {"name": "Maya", "lasts_s": 600})["token"])
    connection = host.frame.locator("#connection")
    expect(connection).to_have_attribute("data-state", "live")
    call.say(maya, "Said before.")
    expect(host.frame.locator("#rows")).to_contain_text("Said before.")
    call.service.post("/test/tokens_gone", {})
    host.told("sidecar:token_needed")
    expect(connection).to_contain_text("Access ended")
    call.say(maya, "Said meanwhile.")
    helper.does("thinking")
    host.send({"type": "sidecar:stop", "id": 1})
    assert host.answered(1)["code"] == "key_refused"
    expect(host.frame.locator("#rows")).to_contain_text("Said before.")
    fresh = call.service.post(f"/v1/conferences/{call.id}/panel_tokens", {"name": "Maya", "lasts_s": 600})
    host.send({"type": "sidecar:token", "token": fresh["token"]})
    expect(connection).to_have_attribute("data-state", "live")
    expect(host.frame.locator("#rows")).to_contain_text("Said meanwhile.")
    helper.does("speaking")
    expect(host.frame.locator("#assistant-state")).to_have_text("Speaking")
