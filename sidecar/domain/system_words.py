"""What the rows of a transcript say that nobody spoke: who came, what was paused, what rang."""

from __future__ import annotations

from sidecar.domain import events as ev
from sidecar.domain.alerts.events import AlertRaised
from sidecar.domain.assistant.events import AssistantFailed, AssistantLeft, AssistantRequested

# Two rows that one type of event makes, by what changed in it.
HELD, BACK = "participant.updated/hold", "participant.updated/unhold"

# What a system row says. ``{name}``: the participant; ``{time}``: wall clock; ``{by}``: who did it; ``{why}``: a colon
# and the reason, or nothing (of the assistant, ``assistant.words`` has it in words); ``{utterances}``, ``{gaps}``:
# counted out by the reader of the row. Types that are not listed make no row: an interrupted fork shows in the people
# card while it lasts, and afterwards its gap says all.
SYSTEM_WORDS = {
    ev.ConferenceStarted.type: "Call started {time}",
    ev.ParticipantJoined.type: "{name} joined",
    ev.ParticipantLeft.type: "{name} left",
    HELD: "{name} on hold",
    BACK: "{name} back from hold",
    ev.TranscriptPaused.type: "Transcription paused by {by}{why}",
    ev.TranscriptResumed.type: "Transcription resumed by {by}",
    AssistantRequested.type: "{by} invited {name}",
    AssistantLeft.type: "{name} left{why}",
    AssistantFailed.type: "{name} failed{why}",
    AlertRaised.type: "Alert{why}",
    ev.ConferenceEnded.type: "Call ended {time}",
    ev.TranscriptCompleted.type: "Transcript complete: {utterances}, {gaps}",
}
ARRIVALS = frozenset({ev.ConferenceStarted.type, ev.ParticipantJoined.type})
