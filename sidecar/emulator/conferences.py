"""The rules of rooms: who starts a conference, who ends it, what the callback says. Pure; changes ``state`` only.

Sources: https://www.twilio.com/docs/voice/twiml/conference (attributes, callbacks),
https://www.twilio.com/docs/voice/api/conference-resource (why a conference ended).
"""

from __future__ import annotations

from datetime import datetime

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
}


class JoinRefused(SidecarError):
    """The participant may not come in like that; the call does not join and goes on with its next verb.

    ``code``: conference_label_invalid (16023), conference_label_taken (16025) or conference_coach_invalid (13240).
    """

    code = "conference_label_invalid"


class Notice(msgspec.Struct, frozen=True):
    """One status callback to deliver. ``conference_sid`` is its lane: notices of a lane go out in order."""

    conference_sid: str
    callback: StatusCallback
    form: dict[str, str]


class Departure(msgspec.Struct, frozen=True):
    """What a leave brings about: notices to deliver, and the calls put out because the conference ended."""

    notices: tuple[Notice, ...] = ()
    put_out: tuple[str, ...] = ()


class Rooms:
    """Joins and leaves, on the state it is given."""

    def __init__(self, state: State) -> None:
        self._state = state

    def join(self, call: Call, dial: DialConference, now: datetime) -> list[Notice]:
        """Put the call into the room, opening it if need be. Raises JoinRefused."""
        conference = self._state.live_conference(dial.room)
        self._check_label(conference, dial.label)
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
        participant = Participant(
            call_sid=call.sid,
            label=dial.label,
            muted=dial.muted,
            hold=False,
            coaching=dial.coach is not None,
            call_sid_to_coach=dial.coach,
            start_on_enter=dial.start_on_enter,
            end_on_exit=dial.end_on_exit,
            joined_at=now,
        )
        conference.participants[call.sid] = participant
        conference.updated_at = now
        notices = self._notice(conference, "participant-join", _participant_fields(participant), now)
        present = conference.participants.values()
        if conference.status is ConferenceStatus.INIT and len(present) > 1 and any(p.start_on_enter for p in present):
            conference.status = ConferenceStatus.IN_PROGRESS
            notices += self._notice(conference, "conference-start", {}, now)
        return notices

    def leave(self, call: Call, now: datetime) -> Departure:
        """Take the call out of its room, if it is in one; the conference ends with the last, or with a moderator."""
        conference = self._state.conference_of(call.sid)
        if conference is None:
            return Departure()
        participant = conference.participants.pop(call.sid)
        conference.updated_at = now
        notices = self._left(conference, participant, call.status, "participant_hung_up", now)
        if conference.participants and not participant.end_on_exit:
            return Departure(tuple(notices))
        if participant.end_on_exit:
            conference.reason_ended = "participant-with-end-conference-on-exit-left"
            reason = "A participant with endConferenceOnExit left the conference."
        else:
            conference.reason_ended = "last-participant-left"
            reason = "The last participant left the conference."
        put_out = tuple(conference.participants)
        for other in list(conference.participants.values()):
            del conference.participants[other.call_sid]
            status = self._state.calls[other.call_sid].status
            notices += self._left(conference, other, status, "moderator_ended_conference", now)
        conference.status = ConferenceStatus.COMPLETED
        conference.call_sid_ending = participant.call_sid
        ended = {
            "ReasonConferenceEnded": conference.reason_ended,
            "Reason": reason,
            "CallSidEndingConference": participant.call_sid,
        }
        if participant.label is not None:
            ended["ParticipantLabelEndingConference"] = participant.label
        notices += self._notice(conference, "conference-end", ended, now)
        return Departure(tuple(notices), put_out)

    def _check_label(self, conference: Conference | None, label: str | None) -> None:
        if label is None:
            return
        if len(label) > MAX_LABEL_CHARS or is_sid(label, "CA") or "/" in label or "%2f" in label.lower():
            raise JoinRefused("participantLabel is too long, holds a slash or looks like a call's id.")
        if conference is not None and any(p.label == label for p in conference.participants.values()):
            raise JoinRefused(
                "participantLabel is already used in this conference; the call was not added.",
                code="conference_label_taken",
            )

    def _left(
        self, conference: Conference, participant: Participant, status: CallStatus, reason: str, now: datetime
    ) -> list[Notice]:
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
