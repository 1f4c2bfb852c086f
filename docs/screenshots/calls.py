"""The calls on the pictures: told to the service of the browser tests, on a clock that stands still."""

from __future__ import annotations

from tests.browser.call import Call, Helper, ServiceProcess, Speaker

# (who, start in s, end in s, text); 0 is Maya of Harbor Bikes, 1 the customer.
BIKES = (
    (0, 4, 8, "Good morning, this is Maya at Harbor Bikes. How can I help you today?"),
    (1, 9, 16, "Hi, I ordered a city bike last Tuesday and it still has not arrived."),
    (1, 17, 20, "I need it before the weekend."),
    (0, 22, 25, "I am sorry to hear that. Let me see what happened."),
    (0, 26, 29, "Can you tell me the order number?"),
    (1, 31, 37, "Yes, one moment. It is seven three five two nine."),
    (0, 40, 46, "Thank you, I can see it. The parcel is waiting at the depot in Portland."),
    (1, 48, 51, "And why did nobody tell me?"),
    (0, 53, 60, "The driver left a card, but at the old address. I can send it out again tomorrow."),
    (1, 62, 66, "Tomorrow is good. In the morning, if you can."),
    (0, 68, 73, "Between eight and ten. I have moved it to the first tour."),
)
PARTIAL = "So I would get it by Friday"
TALK = (
    "I can send it out again tomorrow.", "And what does that cost me?", "One moment, please.",
    "The invoice says something else.", "It arrived, but the box was open.", "Is there somebody I can talk to?",
    "Let me look at your account.", "That works for me, thank you.",
)  # fmt: skip
NAMES = ("Maya Chen", "Jon Ruiz", "Priya Osei", "Lena Novak", "Sam Okafor", "Ida Berg", "Tom Weiss", "Aiko Mori")
ROOMS = ("harbor-bikes", "lake-hotel", "corner-dental", "city-power", "north-bank", "parcel-desk")


def bikes(
    service: ServiceProcess, room: str, *, lag_ms: int = 600, age_ms: int = 77_000
) -> tuple[Call, Speaker, Speaker]:
    """A call of one minute and a quarter that goes on."""
    call, maya, customer = _two(service, room, "Maya", "Customer", age_ms=age_ms)
    call.tell_all(
        [
            call.final((maya, customer)[who], text, start_ms=start * 1000, lasts_ms=(end - start) * 1000, lag_ms=lag_ms)
            for who, start, end, text in BIKES
        ]
    )
    call.now_ms = 74_000
    return call, maya, customer


def assisted(service: ServiceProcess, room: str) -> tuple[Call, Speaker, Speaker, Helper]:
    """The assistant explains something, is interrupted, and speaks again."""
    call, maya, customer = bikes(service, room, age_ms=112_000)
    helper = call.invite()
    call.now_ms = 76_000
    helper.join()
    call.say(customer, "Ava, how long does a refund take?", start_ms=80_000, lasts_ms=2_500)
    call.now_ms = 84_000
    helper.answers("Refunds take five working days.", " If you prefer, I can also", to=customer, lasts_ms=4_000)
    call.say(customer, "So I would get it by Friday or Monday?", start_ms=89_000, lasts_ms=3_000)
    call.now_ms = 94_000
    helper.answers(
        "Yes, by Monday at the latest.", to=customer, why="follow_up",
        tools=[{"name": "search_transcript", "outcome": "done"}, {"name": "leave", "outcome": "refused"}],
    )  # fmt: skip
    call.now_ms = 104_000
    return call, maya, customer, helper


def lost_audio(service: ServiceProcess) -> Call:
    """The customer's stream dies twice; after the second time it is still away."""
    call, maya, customer = bikes(service, "harbor-bikes-gap", age_ms=93_000)
    call.gap(customer, 74_000, 78_000, "stream_reconnected")
    call.say(maya, "Sorry, I lost you for a moment. Could you say that again?", start_ms=79_000, lasts_ms=4_000)
    call.say(customer, "I said the morning is fine, but please ring twice.", start_ms=84_000, lasts_ms=4_000)
    call.now_ms = 89_000
    call.tell(
        "fork.interrupted", fork=customer.fork, participant=customer.participant, reason="stream_lost", at_ms=89_000
    )
    return call


def over(service: ServiceProcess) -> Call:
    """Ended, with a gap."""
    call, maya, customer = bikes(service, "harbor-bikes-ended", age_ms=93_000)
    call.gap(customer, 74_000, 78_000, "stream_reconnected")
    call.say(maya, "Have a nice day.", start_ms=79_000, lasts_ms=2_000)
    call.say(customer, "You too, goodbye.", start_ms=82_000, lasts_ms=2_000)
    for who in (customer, maya):
        call.tell("participant.left", participant=who.participant, reason="hung-up", at_ms=85_000)
    call.now_ms = 85_000
    call.tell("conference.ended", reason="last-participant-left", at_ms=85_000)
    lines = len(BIKES) + 2
    call.tell(
        "transcript.completed", utterances=lines, gaps=1, gap_ms=4_000, last_seq=lines, sha256="0" * 64, revision=1
    )
    return call


def long_names(service: ServiceProcess) -> Call:
    """Names and words that fit nowhere."""
    call, agent, customer = _two(
        service, "customer-care-for-business-customers-of-the-northern-region-second-level",
        "Maximiliana Oberstleutnant von Habsburg-Lothringen und zu Wolfeschlegelstein",
        "Hubert Blaine Wolfeschlegelsteinhausenbergerdorff", age_ms=77_000,
    )  # fmt: skip
    call.say(agent, "Good morning, how can I help you?", start_ms=4_000)
    call.say(
        customer, "My contract is the Donaudampfschifffahrtsgesellschaftskapitänspatentverlängerung.", start_ms=8_000
    )
    call.say(agent, "Number 1847-2259-0013-7746-5512-9083-1147-0021, is that right?", start_ms=15_000)
    call.gap(customer, 20_000, 24_000, "recogniser_failed")
    call.say(customer, "That is right.", start_ms=26_000)
    return call


def right_to_left(service: ServiceProcess) -> Call:
    """Arabic and Hebrew, with English between."""
    call, agent, customer = _two(service, "harbor-bikes-rtl", "Maya", "ليلى حداد", age_ms=77_000)
    call.say(agent, "Good morning, this is Maya at Harbor Bikes.", start_ms=4_000)
    call.say(customer, "صباح الخير، طلبت دراجة يوم الثلاثاء ولم تصل بعد.", start_ms=9_000)
    call.say(agent, "What is the order number?", start_ms=15_000)
    call.say(customer, "رقم الطلب 73529 من موقع Harbor Bikes.", start_ms=19_000)
    call.say(customer, "אני צריכה אותן לפני סוף השבוע.", start_ms=24_000)
    return call


def long_call(service: ServiceProcess) -> Call:
    """More lines than a page begins with."""
    call, maya, customer = _two(service, "harbor-bikes-long", "Maya", "Customer", age_ms=1_300_000)
    lines = [(maya, customer)[n % 2] for n in range(420)]
    call.tell_all([call.final(who, TALK[n % len(TALK)], lasts_ms=2_800) for n, who in enumerate(lines)])
    return call


def forty(service: ServiceProcess) -> None:
    """Forty calls for the wallboard: fresh and old, silent ones, some with a gap, some just over."""
    for n in range(40):
        age_ms = 1_500_000 - n * 36_000 - (n * 7_919) % 20_000
        call, agent, customer = _two(
            service, f"{ROOMS[n % len(ROOMS)]}-{n + 1}", NAMES[n % len(NAMES)], "Customer", age_ms=age_ms
        )
        quiet_ms = (n * 4_099) % 9_000 + (30_000 if n % 7 == 3 else 0)
        spoken = 3 + n % 5
        length = (age_ms - quiet_ms) // spoken
        for i in range(spoken):
            lasts_ms = length * (2 + (n + i) % 3) // 6
            start_ms = (i + 1) * length - lasts_ms
            call.say((agent, customer)[i % 2], TALK[(n + i) % len(TALK)], start_ms=start_ms, lasts_ms=lasts_ms)
        call.now_ms = age_ms - quiet_ms
        if n % 9 == 4:
            call.gap(customer, call.now_ms - 4_000, call.now_ms, "stream_reconnected")
        if n % 11 == 7:
            call.tell("conference.ended", reason="last-participant-left", at_ms=call.now_ms)


def _two(
    service: ServiceProcess, room: str, agent: str, customer: str, *, age_ms: int
) -> tuple[Call, Speaker, Speaker]:
    call = Call(service, room, age_ms=age_ms)
    one = call.join(agent, "agent")
    call.begin()
    return call, one, call.join(customer, "customer")


def alarmed(service: ServiceProcess) -> Call:
    """Two rules found something; one alert was taken note of. A number was hidden."""
    call, maya, customer = bikes(service, "harbor-bikes-alerts")
    call.say(customer, "Take my card, it is [card number].", start_ms=75_000)
    found = call.say(customer, "Or I will cancel the whole order.", start_ms=78_000)
    call.say(maya, "Please do not, I will see to it.", start_ms=81_000)
    call.now_ms = 84_000
    for alert, severity, name, more in (
        ("alr_1", "notice", "Long silence", {"kind": "silence", "measured_ms": 31_000}),
        ("alr_2", "warning", "Cancel or complaint", {"kind": "phrase", "utterance": found, "quote": "cancel"}),
    ):
        call.tell(
            "alert.raised", alert=alert, rule=f"rul_{alert}", severity=severity, name=name, at_ms=call.now_ms,
            participant=customer.participant if "utterance" in more else None, **more,
        )  # fmt: skip
    call.tell("alert.acknowledged", alert="alr_1", by="Ana", at_ms=call.now_ms, note="They looked for a number.")
    return call


def noted(call: Call) -> None:
    """Somebody has looked through it afterwards."""
    for at_ms, text in ((9_000, "Good opening."), (31_000, "Promised to call back: ask on Thursday.")):
        call.tell("note.added", note=f"not_{at_ms}", at_ms=at_ms, text=text, by="Ana")
