"""TwiML text to typed verbs (https://www.twilio.com/docs/voice/twiml). No I/O: the caller fetches, ``calls`` performs.

A document that is no XML is an error; a word the emulator does not know is a warning, and the rest is still performed.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Literal

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.state import StatusCallback, StreamOrder

MAX_LOOPS = 1_000  # Twilio's "0 = for ever", cut to something that ends
MAX_PAUSE_S = 4 * 3600.0
MAX_LABEL_CHARS = 128

Method = Literal["GET", "POST"]


class TwimlUnparsable(SidecarError):
    """The document is not XML, or not a <Response>. Twilio's error 12100; the call fails."""

    code = "twiml_unparsable"


class Say(msgspec.Struct, frozen=True):
    """Speak the text ``loop`` times; this floor has no voice, it takes the time the words would take."""

    text: str
    loop: int = 1


class Play(msgspec.Struct, frozen=True):
    """Play the sound file behind the URL (maybe relative), ``loop`` times."""

    url: str
    loop: int = 1


class Pause(msgspec.Struct, frozen=True):
    """Wait in silence."""

    seconds: float = 1.0


class StartStream(msgspec.Struct, frozen=True):
    """Fork the call's audio and go on with the next verb at once."""

    order: StreamOrder


class ConnectStream(msgspec.Struct, frozen=True):
    """Stream both ways; the next verb is performed when the stream is over."""

    order: StreamOrder


class StopStream(msgspec.Struct, frozen=True):
    """Stop the live stream of that name."""

    name: str


class DialConference(msgspec.Struct, frozen=True, kw_only=True):
    """Put the call into a room until it leaves or the conference ends. ``coach``: the only call to hear it.

    ``conference_sid``: only into this very conference, as when a participant is dialled by REST.
    """

    room: str
    conference_sid: str | None = None
    label: str | None = None
    coach: str | None = None
    muted: bool = False
    start_on_enter: bool = True
    end_on_exit: bool = False
    callback: StatusCallback | None = None


class Redirect(msgspec.Struct, frozen=True):
    """Go on with another document."""

    url: str
    method: Method = "POST"


class Hangup(msgspec.Struct, frozen=True):
    """End the call."""


Act = Say | Play | Pause | StartStream | StopStream | DialConference
Verb = Act | ConnectStream | Redirect | Hangup


class Document(msgspec.Struct, frozen=True):
    """The verbs in order, and what was ignored (each a warning 12200)."""

    verbs: tuple[Verb, ...]
    warnings: tuple[str, ...]


def parse(body: bytes) -> Document:
    """The document's verbs. Raises TwimlUnparsable; never anything else, whatever the bytes."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TwimlUnparsable(f"The document is not UTF-8 text, at byte {error.start}.") from None
    if "<!DOCTYPE" in text:  # no document type, hence no entities of one's own and no expansion bomb
        raise TwimlUnparsable("The document declares a DOCTYPE; TwiML has none.")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there is nothing to expand or to fetch
    except (ET.ParseError, ValueError) as error:
        raise TwimlUnparsable(f"The document is not well-formed XML: {error}.") from None
    if root.tag != "Response":
        raise TwimlUnparsable(f"The root element is <{root.tag}>; expected <Response>.")
    reader = _Reader()
    verbs = [verb for element in root for verb in reader.verbs(element)]
    return Document(verbs=tuple(verbs), warnings=tuple(reader.warnings))


# Attributes that Twilio knows. Those this floor gives no effect to are accepted in silence, all others are warned of.
_CONFERENCE_ATTRIBUTES = frozenset(
    (
        *("muted", "startConferenceOnEnter", "endConferenceOnExit", "participantLabel", "beep", "coach"),
        *("statusCallback", "statusCallbackEvent", "statusCallbackMethod", "eventCallbackUrl"),
        *("waitUrl", "waitMethod", "maxParticipants", "jitterBufferSize", "region", "record", "trim"),
        *("recordingStatusCallback", "recordingStatusCallbackMethod", "recordingStatusCallbackEvent"),
    )
)
_CALLBACK_EVENTS = frozenset(("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"))
_KNOWN: Mapping[str, frozenset[str]] = {
    "Say": frozenset({"voice", "language", "loop"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Start": frozenset({"action", "method"}),
    "Connect": frozenset({"action", "method"}),
    "Stop": frozenset(),
    "Stream": frozenset({"url", "name", "track", "statusCallback", "statusCallbackMethod"}),
    "Parameter": frozenset({"name", "value"}),
    "Dial": frozenset({"answerOnBridge", "callerId", "hangupOnStar", "ringTone", "timeLimit", "timeout"}),
    "Conference": _CONFERENCE_ATTRIBUTES,
    "Redirect": frozenset({"method"}),
    "Hangup": frozenset(),
}


class _Reader:
    """Turns elements into verbs and collects warnings on the way."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def verbs(self, element: ET.Element) -> list[Verb]:
        """An element directly under <Response>; none if it is unknown here."""
        if element.tag in {"Start", "Connect", "Stop", "Dial"}:
            self._check(element)
            return self._nested(element)
        verb = self._plain(element)
        if verb is None:
            self.warnings.append(f"<{element.tag}> is not played by this emulator and was skipped.")
            return []
        self._check(element, children=isinstance(verb, Say))
        return [verb]

    def _plain(self, element: ET.Element) -> Verb | None:
        verb: Verb | None = None
        match element.tag:
            case "Say":
                verb = Say(" ".join("".join(element.itertext()).split()), self._loop(element))
            case "Play":
                verb = Play(_text(element), self._loop(element))
            case "Pause":
                verb = Pause(float(self._number(element, "length", default=1, at_least=1, at_most=int(MAX_PAUSE_S))))
            case "Redirect":
                verb = Redirect(_text(element), self._method(element, "method"))
            case "Hangup":
                verb = Hangup()
            case _:
                pass
        return verb

    def _nested(self, parent: ET.Element) -> list[Verb]:
        verbs: list[Verb] = []
        for child in parent:
            match (parent.tag, child.tag):
                case ("Start", "Stream"):
                    verbs.append(StartStream(self._stream(child)))
                case ("Connect", "Stream"):
                    verbs.append(ConnectStream(msgspec.structs.replace(self._stream(child), two_way=True)))
                case ("Stop", "Stream"):
                    self._check(child)
                    verbs.append(StopStream(child.get("name", "")))
                case ("Dial", "Conference") if _text(child):
                    verbs.append(self._conference(child))
                case _:
                    self.warnings.append(
                        f"<{child.tag}> in <{parent.tag}> is not played by this emulator and was skipped."
                    )
        if not verbs:
            self.warnings.append(f"<{parent.tag}> holds nothing that can be played.")
        return verbs

    def _stream(self, element: ET.Element) -> StreamOrder:
        self._check(element)
        parameters: dict[str, str] = {}
        for child in element:
            if child.tag != "Parameter" or child.get("name") is None:
                self.warnings.append(f"<{child.tag}> in <Stream> is not a <Parameter> with a name and was skipped.")
                continue
            self._check(child, children=False)
            parameters[child.get("name", "")] = child.get("value", "")
        callback = self._callback(element)
        return StreamOrder(
            url=element.get("url", "").strip(),
            name=element.get("name") or None,
            track=element.get("track", "inbound_track"),
            parameters=parameters,
            callback=callback,
        )

    def _conference(self, element: ET.Element) -> DialConference:
        self._check(element, children=False)
        return DialConference(
            room=_text(element),
            label=element.get("participantLabel") or None,
            coach=element.get("coach") or None,
            muted=self._flag(element, "muted", default=False),
            start_on_enter=self._flag(element, "startConferenceOnEnter", default=True),
            end_on_exit=self._flag(element, "endConferenceOnExit", default=False),
            callback=self._callback(element),
        )

    def _callback(self, element: ET.Element) -> StatusCallback | None:
        url = element.get("statusCallback", "").strip()
        if not url:
            return None
        events = frozenset(element.get("statusCallbackEvent", "").split())
        if events - _CALLBACK_EVENTS:
            self._bad_value(element, "statusCallbackEvent", "words out of: " + " ".join(sorted(_CALLBACK_EVENTS)))
        return StatusCallback(url=url, method=self._method(element, "statusCallbackMethod"), events=events)

    def _check(self, element: ET.Element, *, children: bool = True) -> None:
        for name in element.keys():  # noqa: SIM118 - an Element is not a mapping
            if name not in _KNOWN[element.tag]:
                self.warnings.append(f'<{element.tag}> has no attribute "{name}"; it was ignored.')
        if not children and len(element):
            self.warnings.append(f"<{element.tag}> takes no elements inside; they were ignored.")

    def _loop(self, element: ET.Element) -> int:
        loop = self._number(element, "loop", default=1, at_least=0, at_most=MAX_LOOPS)
        return loop or MAX_LOOPS

    def _number(self, element: ET.Element, name: str, *, default: int, at_least: int, at_most: int) -> int:
        text = element.get(name)
        if text is None:
            return default
        # Nine digits at most: int() itself refuses numbers of thousands of digits.
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= at_least):
            self._bad_value(element, name, f"a whole number, at least {at_least}")
            return default
        return min(int(text), at_most)

    def _flag(self, element: ET.Element, name: str, *, default: bool) -> bool:
        text = element.get(name)
        if text is None:
            return default
        if text.lower() not in {"true", "false"}:
            self._bad_value(element, name, "true or false")
            return default
        return text.lower() == "true"

    def _method(self, element: ET.Element, name: str) -> Method:
        text = element.get(name, "POST").upper()
        if text == "GET":
            return "GET"
        if text != "POST":
            self._bad_value(element, name, "GET or POST")
        return "POST"

    def _bad_value(self, element: ET.Element, name: str, expected: str) -> None:
        self.warnings.append(f'<{element.tag}> has a bad value for "{name}"; expected {expected}.')


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()
