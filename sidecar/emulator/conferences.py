"""The rules of rooms: who starts a conference, who ends it, who hears whom, what the callback says. Pure.

Changes ``state`` only; hands back what has to be told and done. Sources: https://www.twilio.com/docs/voice/twiml/conference
(attributes, callbacks), https://www.twilio.com/docs/voice/api/conference-resource (why a conference ended),
https://www.twilio.com/docs/voice/api/conference-participant-resource (what can be changed).
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.clock import rfc2822
from sidecar.emulator.sids import is_sid, new_sid
from sidecar.emulator.state import Call, CallStatus, Conference, ConferenceStatus, Participant, State, StatusCallback
from sidecar.emulator.twiml import MAX_LABEL_CHARS, DialConference

_SELECTOR_OF = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "announcement-end": "announcement",
}


class JoinRefused(SidecarError):
    """The participant may not come in like that; the call does not join and goes on with its next verb.

    ``code``: conference_label_invalid (16023), conference_label_taken (16025), conference_coach_invalid (13240),
    conference_over (the one that a dialled call was meant for has ended).
    """

    code = "conference_label_invalid"


class CoachedAbsent(SidecarError):
    """Who is to be coached is not in the conference (Twilio's 16028); nothing was changed."""

    code = "conference_coached_absent"


class Leaving(Enum):
    """How somebody leaves: Twilio's reason for the participant, and the ending of its reason for the conference."""

    HUNG_UP = ("participant_hung_up", "left")
    REDIRECTED = ("participant_updated_via_api", "left")
    KICKED = ("participant_updated_via_api", "kicked")


class Notice(msgspec.Struct, frozen=True):
    """One status callback to deliver. ``conference_sid`` is its lane: notices of a lane go out in order."""

    conference_sid: str
    callback: StatusCallback
    form: dict[str, str]


class Departure(msgspec.Struct, frozen=True):
    """What a leave brings about: notices to deliver, and the calls put out because the conference ended."""

    notices: tuple[Notice, ...] = ()
    put_out: tuple[str, ...] = ()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be different about a participant; None leaves it as it is. ``other``: something nobody hears of."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None
    call_sid_to_coach: str | None = None
    end_on_exit: bool | None = None
    other: bool = False


class Rooms:
    """Joins, changes and leaves, on the state it is given."""

    def __init__(self, state: State) -> None:
        self._state = state

    def join(self, call: Call, dial: DialConference, now: datetime) -> list[Notice]:
        """Put the call into the room, opening it if need be. Raises JoinRefused."""
        conference = self._state.live_conference(dial.room)
        if dial.conference_sid is not None and (conference is None or conference.sid != dial.conference_sid):
            raise JoinRefused("The conference ended before the call was answered.", code="conference_over")
        self.check_label(conference, dial.label)
        if dial.coach is not None and (conference is None or dial.coach not in conference.participants):
            raise JoinRefused("coach names no call of this conference.", code="conference_coach_invalid")
        if conference is None:
            conference = Conference(
                sid=new_sid("CF"),
                room=dial.room,
                status=ConferenceStatus.INIT,
                callback=dial.callback,
                created_at=now,
                updated_at=now,
            )
            self._state.conferences[conference.sid] = conference
        participant = newcomer(call, dial, now)
        conference.participants[call.sid] = participant
        conference.updated_at = now
        notices = self._notice(conference, "participant-join", _participant_fields(participant), now)
        present = conference.participants.values()
        if conference.status is ConferenceStatus.INIT and len(present) > 1 and any(p.start_on_enter for p in present):
            conference.status = ConferenceStatus.IN_PROGRESS
            notices += self._notice(conference, "conference-start", {}, now)
        return notices

    def leave(self, call: Call, now: datetime, how: Leaving = Leaving.HUNG_UP) -> Departure:
        """Take the call out of its room, if it is in one; the conference ends with the last, or with a moderator."""
        conference = self._state.conference_of(call.sid)
        if conference is None:
            return Departure()
        reason_left, ending = how.value
        participant = conference.participants.pop(call.sid)
        conference.updated_at = now
        notices = self._left(conference, participant, reason_left, now)
        if conference.participants and not participant.end_on_exit:
            return Departure(tuple(notices))
        moderator = "participant-with-end-conference-on-exit" if participant.end_on_exit else "last-participant"
        put_out = tuple(conference.participants)
        notices += self._empty(conference, "moderator_ended_conference", now)
        fields = {"CallSidEndingConference": participant.call_sid}
        if participant.label is not None:
            fields["ParticipantLabelEndingConference"] = participant.label
        conference.call_sid_ending = participant.call_sid
        notices += self._ended(conference, f"{moderator}-{ending}", fields, now)
        return Departure(tuple(notices), put_out)

    def not_added(self, call: Call, dial: DialConference, now: datetime) -> list[Notice]:
        """Somebody was dialled for the room and did not answer: told as a leave, though there was no join."""
        conference = self._state.live_conference(dial.room)
        if conference is None or dial.conference_sid not in {None, conference.sid}:
            return []
        return self._left(conference, newcomer(call, dial, now), "participant_add_failed", now)

    def end(self, conference: Conference, now: datetime) -> Departure:
        """Over for all, because REST said so; nothing happens to one that is over."""
        if conference.status is ConferenceStatus.COMPLETED:
            return Departure()
        put_out = tuple(conference.participants)
        notices = self._empty(conference, "conference_ended_via_api", now)
        notices += self._ended(conference, "conference-ended-via-api", {}, now)
        return Departure(tuple(notices), put_out)

    def update(self, conference: Conference, participant: Participant, changes: Changes, now: datetime) -> list[Notice]:
        """Mute, hold, coach and so on; only what differs is told. Raises CoachedAbsent."""
        coached = changes.call_sid_to_coach or participant.call_sid_to_coach
        coaching = participant.coaching if changes.coaching is None else changes.coaching
        if changes.call_sid_to_coach is not None and changes.coaching is None:
            coaching = True  # whoever names somebody to coach, and says no more, begins to coach
        asked = changes.coaching or changes.call_sid_to_coach is not None
        if asked and (coached not in conference.participants or coached == participant.call_sid):
            raise CoachedAbsent("CallSidToCoach names no other call of this conference.")
        events = []
        if changes.muted not in {None, participant.muted}:
            participant.muted = not participant.muted
            events.append("participant-mute" if participant.muted else "participant-unmute")
        if changes.hold not in {None, participant.hold}:
            participant.hold = not participant.hold
            events.append("participant-hold" if participant.hold else "participant-unhold")
        end_on_exit = participant.end_on_exit if changes.end_on_exit is None else changes.end_on_exit
        before = (participant.coaching, participant.call_sid_to_coach, participant.end_on_exit)
        if changes.other or before != (coaching, coached, end_on_exit):
            participant.coaching, participant.call_sid_to_coach = coaching, coached
            participant.end_on_exit = end_on_exit
            events.append("participant-modify")
        if events:
            participant.updated_at = conference.updated_at = now
        fields = _participant_fields(participant)
        return [notice for event in events for notice in self._notice(conference, event, fields, now)]

    def announced(self, conference: Conference, url: str, call_sid: str | None, now: datetime) -> list[Notice]:
        """An announcement was heard to its end, by one participant or by all."""
        participant = conference.participants.get(call_sid or "")
        fields = {} if participant is None else _participant_fields(participant)
        return self._notice(conference, "announcement-end", fields | {"AnnounceUrl": url}, now)

    def check_label(self, conference: Conference | None, label: str | None) -> None:
        """May somebody come in under that label? Raises JoinRefused."""
        if label is None:
            return
        if len(label) > MAX_LABEL_CHARS or is_sid(label, "CA") or "/" in label or "%2f" in label.lower():
            raise JoinRefused("participantLabel is too long, holds a slash or looks like a call's id.")
        if conference is not None and any(p.label == label for p in conference.participants.values()):
            raise JoinRefused(
                "participantLabel is already used in this conference; the call was not added.",
                code="conference_label_taken",
            )

    def _empty(self, conference: Conference, reason: str, now: datetime) -> list[Notice]:
        """All who are still in leave, for that reason."""
        notices = []
        for participant in list(conference.participants.values()):
            del conference.participants[participant.call_sid]
            notices += self._left(conference, participant, reason, now)
        return notices

    def _ended(self, conference: Conference, reason: str, fields: dict[str, str], now: datetime) -> list[Notice]:
        conference.status = ConferenceStatus.COMPLETED
        conference.updated_at = now
        conference.reason_ended = reason
        told = {"ReasonConferenceEnded": reason, "Reason": _REASON_TEXTS[reason], **fields}
        return self._notice(conference, "conference-end", told, now)

    def _left(self, conference: Conference, participant: Participant, reason: str, now: datetime) -> list[Notice]:
        status: CallStatus = self._state.calls[participant.call_sid].status
        fields = {
            **_participant_fields(participant),
            "ParticipantCallStatus": status.value,
            "ReasonParticipantLeft": reason,
        }
        return self._notice(conference, "participant-leave", fields, now)

    def _notice(self, conference: Conference, event: str, fields: dict[str, str], now: datetime) -> list[Notice]:
        """The notice, or none when nobody asked for it. Only what is sent is numbered, so a hole means a loss."""
        callback = conference.callback
        if callback is None or _SELECTOR_OF[event] not in callback.events:
            return []
        conference.sequence_number += 1
        form = {
            "AccountSid": self._state.account.sid,
            "ConferenceSid": conference.sid,
            "FriendlyName": conference.room,
            "SequenceNumber": str(conference.sequence_number),
            "Timestamp": rfc2822(now),
            "StatusCallbackEvent": event,
            **fields,
        }
        return [Notice(conference.sid, callback, form)]


_REASON_TEXTS = {
    "participant-with-end-conference-on-exit-left": "A participant with endConferenceOnExit left the conference.",
    "participant-with-end-conference-on-exit-kicked": "A participant with endConferenceOnExit was removed by API.",
    "last-participant-left": "The last participant left the conference.",
    "last-participant-kicked": "The last participant was removed by API.",
    "conference-ended-via-api": "The conference was ended by API.",
}


def newcomer(call: Call, dial: DialConference, now: datetime) -> Participant:
    """The call as it will be in the room."""
    return Participant(
        call_sid=call.sid,
        label=dial.label,
        muted=dial.muted,
        hold=False,
        coaching=dial.coach is not None,
        call_sid_to_coach=dial.coach,
        start_on_enter=dial.start_on_enter,
        end_on_exit=dial.end_on_exit,
        joined_at=now,
        updated_at=now,
    )


def _participant_fields(participant: Participant) -> dict[str, str]:
    fields = {
        "CallSid": participant.call_sid,
        "Muted": _text(participant.muted),
        "Hold": _text(participant.hold),
        "Coaching": _text(participant.coaching),
        "StartConferenceOnEnter": _text(participant.start_on_enter),
        "EndConferenceOnExit": _text(participant.end_on_exit),
    }
    if participant.label is not None:
        fields["ParticipantLabel"] = participant.label
    return fields


def _text(flag: bool) -> str:
    return "true" if flag else "false"
