"""TwiML from the templates in twiml/: one file per moment of a call. Values are escaped, missing ones are an error."""

from __future__ import annotations

from functools import cache

import jinja2
import msgspec

from sidecar.assets import assets_root


class ForkConference(msgspec.Struct, frozen=True, kw_only=True):
    """A caller enters a conference, and what it says is forked to our media socket."""

    notice: str
    stream_name: str
    media_url: str
    stream_events_url: str
    conference_events_url: str
    token: str
    label: str
    room: str


class JoinConference(msgspec.Struct, frozen=True, kw_only=True):
    """A caller enters a conference without being forked, because there is no room for that just now."""

    notice: str
    conference_events_url: str
    label: str
    room: str


class Announce(msgspec.Struct, frozen=True, kw_only=True):
    """Words that one participant hears. ``text`` "": none."""

    text: str


class JoinAssistant(msgspec.Struct, frozen=True, kw_only=True):
    """The assistant's leg opens its line; if that breaks, the leg waits a moment and asks us again."""

    media_url: str
    token: str
    again_url: str


class AskAgain(msgspec.Struct, frozen=True, kw_only=True):
    """The assistant's leg waits a moment and asks again, for we do not know what to do with it just now."""

    again_url: str


class HangUp(msgspec.Struct, frozen=True, kw_only=True):
    """A leg that nobody needs any more."""


Moment = ForkConference | JoinConference | Announce | JoinAssistant | AskAgain | HangUp
_TEMPLATES: dict[type[Moment], str] = {
    ForkConference: "fork_conference.xml.j2",
    JoinConference: "join_conference.xml.j2",
    Announce: "announcement.xml.j2",
    JoinAssistant: "join_assistant.xml.j2",
    AskAgain: "ask_again.xml.j2",
    HangUp: "hang_up.xml.j2",
}


def render(moment: Moment) -> str:
    """The TwiML document for this moment."""
    return _environment().get_template(_TEMPLATES[type(moment)]).render(msgspec.structs.asdict(moment))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets_root() / "twiml"), autoescape=True, undefined=jinja2.StrictUndefined
    )
