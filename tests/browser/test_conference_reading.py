"""Reading a call: keys, finding, links, screen readers, small screens, themes."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.call import Call, Speaker
from tests.browser.conftest import NewPage

ROW = "#rows > .utterance"
OVERFLOW = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def long_call(call: Call) -> tuple[Speaker, Speaker, list[str]]:
    """Sixty lines, alternating, every third about a refund."""
    maya = call.join("Maya", "agent")
    call.begin()
    customer = call.join("Customer", "customer")
    lines = [f"Line {n} about {'a Refund' if n % 3 == 0 else 'bicycles'}." for n in range(60)]
    facts = [call.final((maya, customer)[n % 2], line) for n, line in enumerate(lines)]
    call.tell_all(facts)
    return maya, customer, [fact["data"]["id"] for fact in facts]


def open_live(page: Page, call: Call, fragment: str = "") -> None:
    page.goto(call.url + fragment)
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def test_everything_can_be_reached_by_keys_alone(new_page: NewPage, call: Call) -> None:
    _, _, ids = long_call(call)
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    open_live(page, call)
    follow = page.locator("#follow")
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("End")
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(f"#u-{ids[-2]}")).to_have_attribute("data-selected", "")
    page.keyboard.press("ArrowUp")
    expect(page.locator(f"#u-{ids[-3]} .at")).to_be_focused()
    page.keyboard.press("y")
    expect(page.locator("#toast")).to_contain_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{call.url}#u-{ids[-3]}"
    page.keyboard.press("Escape")
    expect(page.locator("[data-selected]")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()


def test_shortcuts_are_dead_while_typing(page: Page, call: Call) -> None:
    long_call(call)
    open_live(page, call)
    page.locator("#find").focus()
    page.keyboard.type("zfjky?/")
    assert page.locator("#find").input_value() == "zfjky?/"
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_hidden()


def test_single_key_shortcuts_can_be_switched_off_for_good(page: Page, call: Call) -> None:
    long_call(call)
    open_live(page, call)
    page.get_by_role("button", name="View").click()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    page.keyboard.press("f")
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "true")


def test_find_counts_hits_steps_through_them_and_keeps_counting_live(page: Page, call: Call) -> None:
    maya, _, ids = long_call(call)
    open_live(page, call)
    page.keyboard.press("/")
    page.keyboard.type("refund")
    count = page.locator("#find-count")
    expect(count).to_have_text("20 of 20")
    expect(page.locator(f"#u-{ids[57]}")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(count).to_have_text("1 of 20")
    expect(page.locator(f"#u-{ids[0]}")).to_be_in_viewport()
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text("20 of 20")
    call.say(maya, "One more refund, and a REFUND.")
    expect(count).to_have_text("20 of 22")
    assert page.evaluate("CSS.highlights.get('find-current').size") == 1
    assert page.evaluate("CSS.highlights.get('find').size") == 21
    page.keyboard.type(" of nothing")
    expect(count).to_have_text("No hits")


def test_the_speaker_filter_shows_one_person_and_follows_on(page: Page, call: Call) -> None:
    maya, customer, _ = long_call(call)
    open_live(page, call)
    page.get_by_label("Speaker").select_option("Customer")
    expect(page.locator(ROW)).to_have_count(30)
    assert set(page.locator(f"{ROW} .name").all_text_contents()) == {"Customer"}
    call.say(maya, "Not shown.")
    line = call.say(customer, "Shown.")
    expect(page.locator(f"#u-{line}")).to_be_in_viewport()
    expect(page.locator(ROW)).to_have_count(31)
    page.get_by_label("Speaker").select_option("Everyone")
    expect(page.get_by_text("Not shown.")).to_be_visible()


def test_a_link_to_an_utterance_opens_paused_and_highlighted(page: Page, call: Call) -> None:
    maya, _, ids = long_call(call)
    open_live(page, call, f"#u-{ids[10]}")
    line = page.locator(f"#u-{ids[10]}")
    expect(line).to_be_in_viewport()
    expect(line).to_have_attribute("data-selected", "")
    expect(page.locator("#follow")).to_have_attribute("aria-pressed", "false")
    call.say(maya, "Later.")
    expect(page.locator("#jump")).to_have_text("Jump to live (1 new)")
    expect(line).to_be_in_viewport()


def test_a_link_to_an_unknown_utterance_says_so(page: Page, call: Call) -> None:
    long_call(call)
    open_live(page, call, "#u-utt_nowhere")
    expect(page.locator("#toast")).to_have_text("That utterance is not in this call")


def test_a_screen_reader_hears_what_was_chosen_and_never_partials(new_page: NewPage, call: Call) -> None:
    maya, customer, _ = long_call(call)
    page = new_page()
    open_live(page, call)
    announcer = page.locator("#announcer")
    call.say(maya, "Silent.")
    call.gap(customer, 150_000, 154_000, "stream_reconnected")
    expect(announcer).to_have_text("4 s of Customer not transcribed, 02:30 to 02:34: stream reconnected")
    page.get_by_role("button", name="View").click()
    page.get_by_label("All utterances").check()
    page.keyboard.press("Escape")
    call.partial(maya, "Half a sen", id_="utt_half")
    call.say(maya, "Heard.")
    call.say(customer, "Me too.")
    expect(announcer).to_have_text("Maya: Heard. Customer: Me too.")


def test_small_screens_scroll_in_one_direction_only(new_page: NewPage, call: Call) -> None:
    long_name = "Wolfeschlegelsteinhausenbergerdorff " * 3
    who = call.join(long_name, "customer")
    call.begin()
    call.say(who, "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 4)
    call.gap(who, 21_000, 25_000, "media_missing")
    page = new_page(width=360, height=740)
    open_live(page, call)
    page.get_by_role("button", name="People and talk").click()
    expect(page.locator("#people")).to_be_visible()
    for width in (360, 320):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate(OVERFLOW) == 0
        assert page.locator("#log").evaluate("e => e.scrollWidth - e.clientWidth") == 0


def test_at_200_percent_zoom_the_newest_line_is_in_view(new_page: NewPage, call: Call) -> None:
    _, _, ids = long_call(call)
    page = new_page(width=640, height=360)
    open_live(page, call)
    assert page.evaluate(OVERFLOW) == 0
    expect(page.locator(f"#u-{ids[-1]}")).to_be_in_viewport()


def test_a_very_long_name_stays_on_its_line(page: Page, call: Call) -> None:
    who = call.join("Maximiliana Oberstleutnant von Habsburg-Lothringen und zu Wolfeschlegelstein", "agent")
    call.begin()
    line = call.say(who, "Good morning.")
    open_live(page, call)
    assert page.locator(f"#u-{line}").evaluate("e => e.getBoundingClientRect().height") < 30
    assert page.evaluate(OVERFLOW) == 0


def test_the_page_is_light_or_dark_as_the_system_or_the_reader_says(new_page: NewPage, call: Call) -> None:
    long_call(call)
    lightness = "() => getComputedStyle(document.body).backgroundColor"
    light, dark = new_page(color_scheme="light"), new_page(color_scheme="dark")
    for page in (light, dark):
        open_live(page, call)
    seen = [page.evaluate(lightness) for page in (light, dark)]
    assert seen[0] != seen[1]
    light.get_by_role("button", name="View").click()
    light.get_by_label("Dark").check()
    assert light.evaluate(lightness) == seen[1]
    light.reload()
    assert light.evaluate(lightness) == seen[1]


def test_with_reduced_motion_nothing_is_animated(new_page: NewPage, call: Call) -> None:
    maya, _, _ = long_call(call)
    page = new_page(reduced_motion="reduce")
    open_live(page, call)
    call.say(maya, "Still.")
    expect(page.get_by_text("Still.")).to_be_visible()
    assert page.evaluate("document.getAnimations().filter(a => a.effect.getComputedTiming().duration > 0).length") == 0


def test_speakers_keep_their_shapes_in_forced_colours(new_page: NewPage, call: Call) -> None:
    long_call(call)
    page = new_page(forced_colors="active")
    open_live(page, call)
    shape = page.locator(f"{ROW} .shape").last
    assert shape.evaluate("e => getComputedStyle(e).borderTopWidth") == "4px"
    assert shape.evaluate("e => getComputedStyle(e).borderTopColor !== getComputedStyle(document.body).backgroundColor")
