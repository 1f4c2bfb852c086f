"""Participants of a conference: https://www.twilio.com/docs/voice/api/conference-participant-resource."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from sidecar.emulator.clock import utc_now
from sidecar.emulator.conferences import Changes, CoachedAbsent, JoinRefused, newcomer
from sidecar.emulator.debugger import ErrorNumber
from sidecar.emulator.dialling import DialOrder, ToApplication
from sidecar.emulator.exchange import Exchange
from sidecar.emulator.rest import resources
from sidecar.emulator.rest.answers import APPLICATION_INVALID, RestError, account_of, answer, exchange_of, not_found
from sidecar.emulator.rest.calls import dial_out, limit_of, progress_callback
from sidecar.emulator.rest.conferences import check_not_over, conference_of
from sidecar.emulator.rest.forms import Form, form_of
from sidecar.emulator.rest.paging import paged
from sidecar.emulator.rest.participant_fields import check_fields
from sidecar.emulator.sids import is_sid
from sidecar.emulator.state import Conference, Participant
from sidecar.emulator.twiml import DialConference, Redirect

APPLICATION_PREFIX = "app:"
_CONFERENCE_EVENTS = frozenset({"start", "end"})  # what REST tells of when nobody says what


async def list_participants(request: web.Request) -> web.Response:
    """Who is in the conference now; nobody is in one that is over. Filters Muted, Hold, Coaching."""
    conference = conference_of(request)
    found = [
        resources.participant(account_of(request), conference.sid, one) for one in conference.participants.values()
    ]
    for name in ("Muted", "Hold", "Coaching"):
        wanted = request.query.get(name)
        if wanted is not None:
            found = [one for one in found if one[name.lower()] is (wanted.lower() == "true")]
    return answer(paged(request, "participants", found))


async def fetch_participant(request: web.Request) -> web.Response:
    """One who is in the conference now, by the call's id or the label."""
    conference, participant = _participant(request)
    return answer(resources.participant(account_of(request), conference.sid, participant))


async def create_participant(request: web.Request) -> web.Response:
    """Dial somebody, who joins when the call is answered. A room that nobody is in is opened by its name."""
    exchange, form = exchange_of(request), await form_of(request)
    conference = _conference_to_join(request)
    check_fields(form)
    dial = _dial(conference, request.match_info["conference"], form)
    _check(exchange, conference, dial)
    call = dial_out(exchange, _order(exchange, form, dial))
    queued = resources.participant(
        account_of(request),
        conference.sid if conference is not None else None,
        newcomer(call, dial, utc_now()),
        status="queued",
        queue_ms=call.queue_ms,
    )
    return answer(queued, 201)


async def update_participant(request: web.Request) -> web.Response:
    """Mute, hold, coach, announce. WaitUrl and BeepOnExit are told of and have no other effect here."""
    conference, participant = _participant(request)
    form = await form_of(request)
    changes = Changes(
        muted=form.flag("Muted"),
        hold=form.flag("Hold"),
        coaching=form.flag("Coaching"),
        call_sid_to_coach=form.text("CallSidToCoach") or None,
        end_on_exit=form.flag("EndConferenceOnExit"),
        other=bool(form.url("WaitUrl")) or form.flag("BeepOnExit") is not None,
    )
    announcement, music = form.document("Announce", "POST"), form.document("Hold", "GET")
    desk = exchange_of(request).desk
    try:
        desk.update(conference, participant, changes, music)
    except CoachedAbsent as refusal:
        raise RestError(400, int(ErrorNumber.CONFERENCE_COACHED_ABSENT), refusal.message) from None
    if announcement is not None:
        desk.announce(conference, announcement, participant.call_sid)
    return answer(resources.participant(account_of(request), conference.sid, participant))


async def delete_participant(request: web.Request) -> web.Response:
    """Out of the conference; the call goes on with the verb after its <Dial>."""
    _, participant = _participant(request)
    exchange_of(request).desk.remove(participant)
    return web.Response(status=204)


def _participant(request: web.Request) -> tuple[Conference, Participant]:
    conference = conference_of(request)
    name = request.match_info["participant"]
    for participant in conference.participants.values():
        if name in {participant.call_sid, participant.label}:
            return conference, participant
    raise not_found(request)


def _conference_to_join(request: web.Request) -> Conference | None:
    """By id one that is not over; by name the one that goes on, or none: Twilio opens a room then."""
    name = request.match_info["conference"]
    if is_sid(name, "CF"):
        conference = conference_of(request)
        check_not_over(conference)
        return conference
    return exchange_of(request).state.live_conference(name)


def _dial(conference: Conference | None, name: str, form: Form) -> DialConference:
    coached = form.text("CallSidToCoach") or None
    coaching = form.flag("Coaching")
    if coaching and coached is None:
        raise RestError(400, int(ErrorNumber.CONFERENCE_COACHED_ABSENT), "Coaching needs CallSidToCoach.")
    return DialConference(
        room=name if conference is None else conference.room,
        conference_sid=None if conference is None else conference.sid,
        label=form.text("Label") or None,
        coach=None if coaching is False else coached,
        muted=bool(form.flag("Muted")),
        start_on_enter=form.flag("StartConferenceOnEnter") is not False,
        end_on_exit=bool(form.flag("EndConferenceOnExit")),
        callback=form.callback("ConferenceStatusCallback", _CONFERENCE_EVENTS),
    )


def _order(exchange: Exchange, form: Form, dial: DialConference) -> DialOrder:
    to = form.required("To")
    order = DialOrder(
        from_=form.required("From"), to=to, source=dial, callback=progress_callback(form), limit_s=limit_of(form)
    )
    if not to.startswith(APPLICATION_PREFIX):
        return order
    bare, _, query = to.partition("?")
    application = exchange.state.applications.get(bare.removeprefix(APPLICATION_PREFIX))
    if application is None:
        raise RestError(400, APPLICATION_INVALID, "To names no application of this account.")
    return msgspec.structs.replace(
        order,
        to=to if exchange.assumptions.application_to == "as_dialled" else bare,
        source=Redirect(application.hook.url, "GET" if application.hook.method == "GET" else "POST"),
        application=ToApplication(application.sid, dict(parse_qsl(query, keep_blank_values=True)), dial),
    )


def _check(exchange: Exchange, conference: Conference | None, dial: DialConference) -> None:
    """What is certain to be refused when the call is answered is refused at once."""
    try:
        exchange.desk.check_label(conference, dial.label)
    except JoinRefused as refusal:
        taken = refusal.code == "conference_label_taken"
        number = ErrorNumber.CONFERENCE_LABEL_TAKEN if taken else ErrorNumber.CONFERENCE_LABEL_INVALID
        raise RestError(400, int(number), refusal.message) from None
    inside = conference.participants if conference is not None else {}
    if dial.coach is not None and dial.coach not in inside:
        text = "CallSidToCoach names no call of this conference."
        raise RestError(400, int(ErrorNumber.CONFERENCE_COACHED_ABSENT), text)


_ALL = "/Conferences/{conference}/Participants.json"
_ONE = "/Conferences/{conference}/Participants/{participant}.json"
ROUTES = {
    ("GET", _ALL): list_participants,
    ("POST", _ALL): create_participant,
    ("GET", _ONE): fetch_participant,
    ("POST", _ONE): update_participant,
    ("DELETE", _ONE): delete_participant,
}
