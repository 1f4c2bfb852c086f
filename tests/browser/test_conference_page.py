"""The conference page while a call goes on: what appears, what stays where it is, and what cannot happen."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.call import Call, Speaker
from tests.browser.conftest import NewPage

ROW = "#rows > .utterance"
BOXES = """selector => [...document.querySelectorAll(selector)].map(e => {
  const box = e.getBoundingClientRect(); return [e.id, box.x, box.y, box.width, box.height];
})"""


# An element as the reader meets it: without wall clock times, which the server gives in UTC and the script locally.
TREE = """id => {
  const tree = element => [
    element.tagName, element.id, element.getAttribute("class"), element.getAttribute("x"),
    element.getAttribute("width"),
    Object.entries(element.dataset).filter(([name]) => name !== "new").sort().join(";"),
    element.children.length ? [...element.children].map(tree) : "",
    element.matches("time[datetime]") ? "" : element.children.length ? "" : element.textContent.trim(),
  ];
  return tree(document.getElementById(id));
}"""


def two_people(call: Call) -> tuple[Speaker, Speaker]:
    """Maya, agent, and a customer, on a call that has started."""
    maya = call.join("Maya", "agent")
    call.begin()
    return maya, call.join("Customer", "customer")


def open_live(page: Page, call: Call) -> None:
    """Load the page and wait until its stream is open."""
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def texts(page: Page) -> list[str]:
    """What the utterances on the page say, in order."""
    return page.locator(f"{ROW} .text").all_text_contents()


def test_a_partial_becomes_final_in_place_and_nothing_else_moves(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    call.say(maya, "Good morning, this is Maya.")
    open_live(page, call)
    start_ms = call.now_ms
    call.partial(customer, "So I would get it by Friday", id_="utt_p1")
    partial = page.locator("#u-utt_p1")
    expect(partial).to_have_attribute("data-partial", "")
    expect(partial).to_have_attribute("aria-hidden", "true")
    call.partial(maya, "Yes", id_="utt_p2", start_ms=start_ms + 400)
    expect(page.locator("#u-utt_p2 .text")).to_have_text("Yes")
    before = page.evaluate(BOXES, ".top-bar *, .transcript *, #rows *")
    call.say(customer, "So I would get it by Friday", id="utt_p1", start_ms=start_ms)
    expect(partial).not_to_have_attribute("data-partial", "")
    expect(partial).not_to_have_attribute("aria-hidden", "true")
    assert page.evaluate(BOXES, ".top-bar *, .transcript *, #rows *") == before


def test_an_empty_partial_clears_its_line(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    call.say(maya, "Hello?")
    open_live(page, call)
    call.partial(customer, "hm", id_="utt_e1")
    expect(page.locator("#u-utt_e1")).to_be_visible()
    call.partial(customer, "", id_="utt_e1")
    expect(page.locator("#u-utt_e1")).to_have_count(0)


def test_rows_stand_in_order_of_speech_and_one_speaker_makes_a_block(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    open_live(page, call)
    call.say(maya, "First.", start_ms=1000, lasts_ms=1000)
    call.say(maya, "Third.", start_ms=6000, lasts_ms=1000)
    call.say(customer, "Second.", start_ms=3000, lasts_ms=1000)
    call.say(maya, "Fourth.", start_ms=8000, lasts_ms=1000)
    expect(page.locator(ROW)).to_have_count(4)
    assert texts(page) == ["First.", "Second.", "Third.", "Fourth."]
    opens = [row.get_attribute("data-opens") is not None for row in page.locator(ROW).all()]
    assert opens == [True, True, True, False]


def test_a_gap_row_says_whose_audio_from_when_to_when_and_why(page: Page, call: Call) -> None:
    _, customer = two_people(call)
    open_live(page, call)
    call.gap(customer, 21_000, 25_000, "stream_reconnected")
    expect(page.locator("#rows > .gap")).to_have_text(
        "4 s of Customer not transcribed, 00:21 to 00:25: stream reconnected"
    )


def test_the_people_card_says_who_listens_when_it_is_not_as_usual_and_how_far_behind(page: Page, call: Call) -> None:
    """Told while it lasts; a line that is as usual says nothing."""
    _, customer = two_people(call)
    open_live(page, call)
    trouble = page.locator("#people > li").nth(1).locator("[data-slot=trouble]")
    expect(trouble).to_be_hidden()
    for engine, fallback, behind_ms, words in (
        ("local", True, 0, "Transcribed by the fallback"),
        ("local", True, 4_200, "Transcribed by the fallback, 4 s behind"),
        ("deepgram", False, 7_000, "Transcript 7 s behind"),
        (None, False, 12_000, "No recogniser answers, 12 s behind"),
    ):
        call.health(customer, engine, fallback=fallback, behind_ms=behind_ms)
        expect(trouble).to_have_text(words)
    call.health(customer, "deepgram", fallback=False, behind_ms=0)
    expect(trouble).to_be_hidden()
    expect(page.locator("#people > li").first.locator("[data-slot=trouble]")).to_be_hidden()  # Maya's was always well


def test_a_line_that_came_late_stands_at_its_place_with_a_quiet_mark(page: Page, call: Call) -> None:
    """And the server draws it as the script does."""
    maya, _ = two_people(call)
    call.say(maya, "First.", start_ms=1_000, lasts_ms=1_000)
    open_live(page, call)
    call.say(maya, "Third.", start_ms=4_000, lasts_ms=1_000)
    call.say(maya, "Second.", start_ms=2_500, lasts_ms=1_000, late=True)
    for _ in ("told", "drawn"):
        expect(page.locator(ROW)).to_have_count(3)
        assert texts(page) == ["First.", "Second.", "Third."]
        marks = page.locator(f"{ROW} [data-sign=late]")
        assert [mark.is_visible() for mark in marks.all()] == [False, True, False]
        page.reload()


def test_system_rows_say_what_happened_on_the_call(page: Page, call: Call) -> None:
    maya, _ = two_people(call)
    open_live(page, call)
    about = {"fork": maya.fork, "participant": maya.participant, "at_ms": 5000}
    call.now_ms = 5000
    call.tell("fork.interrupted", reason="closed", **about)
    expect(page.locator("#people .person").first).to_contain_text("Audio interrupted")
    expect(page.locator("#coverage")).to_have_text("1 of 2 people being transcribed")
    call.tell("fork.resumed", stream_sid="MZ2", epoch=2, **about)
    call.tell("participant.left", participant=maya.participant, reason="left", at_ms=9000)
    call.now_ms = 9500
    call.end()
    expect(page.locator("#rows > .system").last).to_contain_text("Transcript complete")
    said = [text.strip() for text in page.locator("#rows > .system").all_text_contents()]
    assert [text.partition(" started")[0].partition(" ended")[0] for text in said] == [
        "Maya joined", "Call", "Customer joined", "Maya left",
        "Call", "Transcript complete: 2 utterances, 1 gap of 4 s",
    ]  # fmt: skip


def test_an_ended_call_shows_a_quiet_summary_and_asks_for_no_stream(new_page: NewPage, call: Call) -> None:
    maya, customer = two_people(call)
    call.say(maya, "Good morning.", lasts_ms=6000)
    call.gap(customer, 6000, 10_000, "stream_lost")
    call.say(customer, "Bye.", lasts_ms=2000)
    call.end()
    page = new_page()
    streams = call.service.get("/test/streams")["opened"]
    page.goto(call.url)
    expect(page.locator("#connection")).to_have_text("Complete")
    summary = page.locator("#summary")
    expect(summary).to_contain_text("Duration12 s")
    expect(summary).to_contain_text("1 gap of 4 s")
    expect(summary).to_contain_text("Maya 50 %, Customer 17 %")
    expect(page.locator("#call")).to_have_text("Ended 00:12")
    expect(page.locator("#follow")).to_be_hidden()
    assert call.service.get("/test/streams")["opened"] == streams


def test_an_end_that_is_seen_live_leaves_the_same_page_as_one_loaded_later(new_page: NewPage, call: Call) -> None:
    maya, customer = two_people(call)
    live = new_page()
    open_live(live, call)
    call.say(maya, "Good morning.", lasts_ms=6000)
    call.gap(customer, 6000, 10_000, "stream_lost")
    call.say(maya, "Are you there?")
    call.say(maya, "Hello?")
    call.end()
    expect(live.locator("#connection")).to_have_text("Complete")
    later = new_page(java_script_enabled=False, locale="en-GB")
    later.goto(call.url)
    for part in ("rows", "people", "talk", "silence", "heading", "coverage"):
        assert live.evaluate(TREE, part) == later.evaluate(TREE, part)


def test_a_late_visitor_gets_the_history_then_the_rest_without_hole_or_double(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    before = [f"Line {n}." for n in range(40)]
    call.say_many(maya, before)
    page.goto(call.url, wait_until="commit")
    during = [f"Reply {n}." for n in range(40)]
    for text in during:
        call.say(customer, text, lasts_ms=100)
    expect(page.locator(ROW)).to_have_count(80)
    assert texts(page) == before + during


def test_following_keeps_the_newest_line_in_view_while_200_lines_arrive(page: Page, call: Call) -> None:
    maya, _ = two_people(call)
    open_live(page, call)
    for batch in range(20):
        ids = call.say_many(maya, [f"Line {batch}.{n} of a long talk about bicycles." for n in range(10)])
        expect(page.locator(f"#u-{ids[-1]}")).to_be_in_viewport()
    expect(page.locator("#jump")).to_be_hidden()


def test_scrolling_up_stops_following_and_holds_the_line_while_200_arrive(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    call.say_many(maya, [f"Line {n} of a long talk about bicycles and the weather." for n in range(100)])
    open_live(page, call)
    page.locator("#log").hover()
    page.mouse.wheel(0, -700)
    expect(page.locator("#jump")).to_be_visible()
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
    anchor = page.evaluate_handle(
        "() => [...document.querySelectorAll('#rows > .utterance')].find(r => r.getBoundingClientRect().top > 300)"
    )
    top = anchor.evaluate("element => element.getBoundingClientRect().top")
    for batch in range(20):
        call.say_many(customer, [f"New {batch}.{n}" for n in range(10)])
    expect(page.locator("#jump")).to_have_text("Jump to live (200 new)")
    assert abs(anchor.evaluate("element => element.getBoundingClientRect().top") - top) < 1
    page.locator("#jump").click()
    expect(page.locator(ROW).last).to_be_in_viewport()
    expect(page.locator("#jump")).to_be_hidden()


def test_a_text_selection_survives_partials_and_new_lines(page: Page, call: Call) -> None:
    maya, customer = two_people(call)
    line = call.say(maya, "The parcel is waiting at the depot in Portland.")
    open_live(page, call)
    call.partial(customer, "Thank", id_="utt_s1")
    expect(page.locator("#u-utt_s1 .text")).to_have_text("Thank")
    page.locator(f"#u-{line} .text").select_text()
    for text in ("Thank you", "Thank you very", "Thank you very much"):
        call.partial(customer, text, id_="utt_s1")
        expect(page.locator("#u-utt_s1 .text")).to_have_text(text)
    call.say_many(maya, [f"Line {n}." for n in range(60)])
    expect(page.locator("#jump")).to_contain_text("60 new")
    assert page.evaluate("getSelection().toString()") == "The parcel is waiting at the depot in Portland."


def test_a_selection_inside_a_partial_survives_its_growth(page: Page, call: Call) -> None:
    _, customer = two_people(call)
    open_live(page, call)
    call.partial(customer, "Thank you", id_="utt_g1")
    text = page.locator("#u-utt_g1 .text")
    expect(text).to_have_text("Thank you")
    text.select_text()
    call.partial(customer, "Thank you very much", id_="utt_g1")
    expect(text).to_have_text("Thank you very much")
    assert page.evaluate("getSelection().toString()").startswith("Thank you")


def test_hostile_speech_names_and_rooms_are_shown_as_text_and_run_nothing(page: Page, call: Call) -> None:
    payload = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}<!-- & \u2028"
    call.room = f"room {payload}"[:60]
    evil = call.join(payload, "customer")
    call.begin()
    first = call.say(evil, payload)
    open_live(page, call)
    second = call.say(evil, payload)
    expect(page.locator(f"#u-{second} .text")).to_have_text(payload, use_inner_text=False)
    for utterance in (first, second):
        assert page.locator(f"#u-{utterance} .text").text_content() == payload
    assert page.locator(f"#u-{first} .name").text_content() == payload.strip()
    assert page.locator("main img, main script, #rows script").count() == 0


def test_the_policy_refuses_markup_from_text_even_to_our_own_scripts(new_page: NewPage, call: Call) -> None:
    two_people(call)
    page = new_page(may_fail=True)
    open_live(page, call)
    attempt = (
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (error) { return error.name; } }"
    )
    assert page.evaluate(attempt) == "TypeError"


def test_the_log_is_there_before_any_text_and_is_silent_by_itself(page: Page, call: Call) -> None:
    call.expect("Maya")
    page.goto(call.url, wait_until="domcontentloaded")
    log = page.get_by_role("log", name="Transcript")
    expect(log).to_have_attribute("aria-live", "off")
    expect(log).to_contain_text("Waiting for the first words.")
    expect(page.locator("#announcer")).to_be_empty()


def test_latency_turns_amber_over_two_seconds_and_red_over_five(page: Page, call: Call) -> None:
    maya, _ = two_people(call)
    open_live(page, call)
    pill = page.locator("#connection")
    call.say(maya, "Quick.", lag_ms=600)
    expect(pill).to_have_text("Live · 0.6 s")
    for _ in range(8):
        call.say(maya, "Slow.", lag_ms=3000)
    expect(pill).to_contain_text("behind")
    expect(pill).to_have_attribute("data-state", "warn")
    for _ in range(8):
        call.say(maya, "Slower.", lag_ms=9000)
    expect(pill).to_have_attribute("data-state", "bad")


def test_lines_that_wait_for_the_store_are_counted_on_the_pill(page: Page, call: Call) -> None:
    two_people(call)
    open_live(page, call)
    call.tell("ping", time="2026-03-01T12:00:00Z", unsaved=12)
    expect(page.locator("#connection")).to_have_text("12 lines waiting to be stored")
    call.tell("ping", time="2026-03-01T12:00:00Z", unsaved=0)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def test_right_to_left_speech_runs_right_to_left(page: Page, call: Call) -> None:
    _, customer = two_people(call)
    open_live(page, call)
    line = call.say(customer, "שלום, מתי יגיע האופניים שלי?")
    text = page.locator(f"#u-{line} .text")
    expect(text).to_be_visible()
    assert text.evaluate("element => getComputedStyle(element).direction") == "rtl"


def test_a_name_that_comes_later_is_shown_on_earlier_lines(page: Page, call: Call) -> None:
    who = call.expect("", "other")
    call.begin()
    line = call.say(who, "Hello?")
    open_live(page, call)
    call.tell("participant.updated", participant=who.participant, label="other", name="Lena Novak", role="customer")
    expect(page.locator(f"#u-{line} .name")).to_have_text("Lena Novak")
    expect(page.locator(f"#u-{line}")).to_have_attribute("data-role", "customer")
    expect(page.locator("#heading")).to_have_text("Lena Novak")


def test_hold_mute_and_coaching_show_beside_who_they_are_of(page: Page, call: Call) -> None:
    maya, lena, lee = call.join("Maya"), call.join("Lena", "customer"), call.join("Lee", "supervisor")
    call.begin()
    call.say(maya, "One moment, please.")
    open_live(page, call)
    call.stand(lena, hold=True)
    expect(page.locator("#call")).to_have_text(re.compile(r"On hold \d\d:\d\d"))
    expect(page.locator("#rows .system").last).to_have_text("Lena on hold")
    person = page.locator(".person", has_text="Lena")
    expect(person.locator("[data-sign=hold]")).to_be_visible()
    expect(person.locator("[data-sign=muted]")).to_be_hidden()
    expect(page.locator("#coverage")).to_have_text("2 of 3 people being transcribed")
    expect(page.locator("#coverage")).to_have_attribute("data-state", "quiet")
    call.stand(maya, muted=True)
    expect(page.locator(".person", has_text="Maya").locator("[data-sign=muted]")).to_be_visible()
    call.stand(lee, coaching=True)
    whisper, aloud = call.say(lee, "Offer her a refund.", coaching=True), call.say(lee, "Hello, this is Lee.")
    expect(page.locator(f"#u-{whisper} [data-sign=coaching]")).to_be_visible()
    expect(page.locator(f"#u-{aloud} [data-sign=coaching]")).to_be_hidden()
    call.stand(lena)
    expect(page.locator("#call")).to_have_text(re.compile(r"Live \d\d:\d\d"))
    expect(page.locator("#rows .system").last).to_have_text("Lena back from hold")
    painted = page.locator("#rows").inner_text()
    page.reload()
    assert page.locator("#rows").inner_text() == painted, "the server paints what the script had drawn"
    expect(page.locator(f"#u-{whisper} [data-sign=coaching]")).to_be_visible()
