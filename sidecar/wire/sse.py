"""Server-sent events as text: frames for the wire, and the opaque position from which a client goes on.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html. Never reads a socket, never waits.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec

from sidecar.domain.errors import SidecarError

POSITION_MAX_CHARS = 4096
_SEQ = re.compile("[0-9]{1,18}")
_LINE_BREAK = re.compile("[\n\r\0]")


class BadPosition(SidecarError):
    """A ``Last-Event-ID`` that we never gave out."""

    code = "position_unknown"


class BadField(SidecarError):
    """An event name or id that cannot stand in one line."""

    code = "sse_field_invalid"


def frame(event: str, data: bytes, *, id_: str | None = None, retry_ms: int | None = None) -> bytes:
    """One event. ``data``: UTF-8, usually one line of JSON; ``id_``: what the client sends back to go on behind it.

    Raises BadField when ``event`` or ``id_`` holds a line break or NUL.
    """
    if _LINE_BREAK.search(event) or (id_ is not None and _LINE_BREAK.search(id_)):
        raise BadField("A server-sent event's name or id holds a line break.")
    head = f"event: {event}\n"
    if id_ is not None:
        head += f"id: {id_}\n"
    if retry_ms is not None:
        head += f"retry: {retry_ms}\n"
    if b"\n" in data or b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\ndata: ")
    return b"%sdata: %s\n\n" % (head.encode(), data)


def retry(milliseconds: int) -> bytes:
    """How long the client waits before it connects again."""
    return b"retry: %d\n\n" % milliseconds


def comment(text: str) -> bytes:
    """A line that clients ignore and proxies see. Raises BadField for a line break."""
    if _LINE_BREAK.search(text):
        raise BadField("A server-sent comment holds a line break.")
    return f": {text}\n\n".encode()


class Positions(msgspec.Struct, frozen=True, array_like=True):
    """How far a client has read: per conference the seq of its newest event, within one life of the store.

    ``str`` makes the text for the wire, ``parse`` reads it. Clients treat it as opaque.
    """

    epoch: str
    seqs: dict[str, int]

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Positions:
        """The positions in a text that a client sent. Raises BadPosition for anything that ``str`` never made."""
        if len(text) > POSITION_MAX_CHARS:
            raise BadPosition("The position is too long to be one of ours.")
        try:
            packed = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = msgspec.json.decode(packed, type=cls)
        except (UnicodeError, binascii.Error, msgspec.DecodeError) as error:
            raise BadPosition("The position is not one of ours.") from error
        if any(seq < 0 for seq in found.seqs.values()):
            raise BadPosition("The position has a negative seq.")
        return found

    @classmethod
    def spelled(cls, epoch: str, after: Sequence[str]) -> Positions:
        """The same in plain words, each of ``after`` being ``<conference id>:<seq>``. Raises BadPosition otherwise."""
        seqs: dict[str, int] = {}
        for text in after:
            conference, _, digits = text.rpartition(":")
            if not conference or not _SEQ.fullmatch(digits):
                raise BadPosition(f"{text[:64]!r} is not <conference id>:<seq>.")
            seqs[conference] = min(int(digits), seqs.get(conference, int(digits)))
        return cls(epoch, seqs)
