"""Fields of a new participant that have no effect here, and must be right all the same: a typo would never show.

Source: https://www.twilio.com/docs/voice/api/conference-participant-resource#create-a-participant.
"""

from __future__ import annotations

from sidecar.emulator.rest.forms import Form, bad

_CHOICES = {
    "Beep": ("true", "false", "onEnter", "onExit"),
    "JitterBufferSize": ("off", "small", "medium", "large"),
    "ConferenceRecord": ("true", "false", "record-from-start", "do-not-record"),
    "ConferenceTrim": ("trim-silence", "do-not-trim"),
    "Trim": ("trim-silence", "do-not-trim"),
    "RecordingChannels": ("mono", "dual"),
    "RecordingTrack": ("inbound", "outbound", "both"),
    "Region": ("us1", "us2", "ie1", "de1", "sg1", "br1", "au1", "jp1"),
}
_FLAGS = ("EarlyMedia", "Record")
_NUMBERS = {"Timeout": (5, 600), "MaxParticipants": (2, 250)}
_URLS = ("WaitUrl", "RecordingStatusCallback", "ConferenceRecordingStatusCallback", "ClientNotificationUrl")


def check_fields(form: Form) -> None:
    """Refuses the first that cannot be, by its name."""
    for name, words in _CHOICES.items():
        if name in form and form.text(name) not in words:
            raise bad(name, f"one of: {', '.join(words)}")
    for name in _FLAGS:
        form.flag(name)
    for name, (at_least, at_most) in _NUMBERS.items():
        form.number(name, at_least=at_least, at_most=at_most)
    for name in _URLS:
        form.url(name)
