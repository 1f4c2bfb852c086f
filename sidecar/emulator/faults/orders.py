"""What a tester may order to go wrong. Values only: ``pending`` keeps them, docs/emulator.md lists them. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
Text = Annotated[str, msgspec.Meta(max_length=256)]


class _Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all orders have: nothing but their kind."""


class _StreamOrder(_Order, frozen=True, kw_only=True):
    """Of one stream, by its SID."""

    stream: str


class Stall(_StreamOrder, frozen=True, kw_only=True, tag="stall"):
    """Nothing comes for so long, then all that was held back, in one burst."""

    seconds: Seconds


class HalfOpen(_StreamOrder, frozen=True, kw_only=True, tag="half_open"):
    """For so long nothing is sent, read or answered, and the connection stays; then it is gone without a close."""

    seconds: Seconds


class Gap(_StreamOrder, frozen=True, kw_only=True, tag="gap"):
    """The frames of so long are lost: a hole in numbers and timestamps."""

    seconds: Seconds


class DuplicateFrames(_StreamOrder, frozen=True, kw_only=True, tag="duplicate_frames"):
    """Each of the next frames comes twice."""

    count: Count


class SecondSocket(_StreamOrder, frozen=True, kw_only=True, tag="second_socket"):
    """Another connection says that it is the same stream, for so long, with the same token."""

    seconds: Seconds


class LoseMarks(_StreamOrder, frozen=True, kw_only=True, tag="lose_marks"):
    """The next echoes of marks never come."""

    count: Count


class DelayMarks(_StreamOrder, frozen=True, kw_only=True, tag="delay_marks"):
    """Each of the next echoes of marks comes so much later; those behind it may overtake it."""

    count: Count
    seconds: Seconds


class UnknownMark(_StreamOrder, frozen=True, kw_only=True, tag="unknown_mark"):
    """The echo of a mark that nobody has sent."""

    name: Text


MarkFault = LoseMarks | DelayMarks | UnknownMark  # of two-way streams only
StreamFault = Stall | HalfOpen | Gap | DuplicateFrames | SecondSocket | MarkFault


class DelayCallbacks(_Order, frozen=True, kw_only=True, tag="delay_callbacks"):
    """Each of the next status callbacks waits so long first. ``about``: a conference, call or stream; "" is any."""

    count: Count
    seconds: Seconds
    about: Text = ""


class DuplicateCallbacks(_Order, frozen=True, kw_only=True, tag="duplicate_callbacks"):
    """Each of the next status callbacks comes twice, with the same idempotency token."""

    count: Count
    about: Text = ""


class ReorderCallbacks(_Order, frozen=True, kw_only=True, tag="reorder_callbacks"):
    """The next ``count`` status callbacks of one conference, call or stream come in reverse.

    They wait for each other at most ``seconds``; then those that are there are turned round.
    """

    count: Annotated[int, msgspec.Meta(ge=2, le=100)]
    seconds: Seconds = 5.0
    about: Text = ""


CallbackFault = DelayCallbacks | DuplicateCallbacks | ReorderCallbacks


class WrongSignature(_Order, frozen=True, kw_only=True, tag="wrong_signature"):
    """The next requests, or the next upgrades of media sockets, are signed with another token."""

    count: Count
    on: Literal["requests", "sockets"] = "requests"


class FailRest(_Order, frozen=True, kw_only=True, tag="fail_rest"):
    """The next REST calls are answered with an error. ``path``: only those whose path holds it.

    ``performed``: what was asked for is done all the same, only nobody is told.
    """

    count: Count
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503
    code: Annotated[int, msgspec.Meta(ge=0, le=99_999)] = 20503
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] | None = None
    path: Text = ""
    performed: bool = False


class HangRest(_Order, frozen=True, kw_only=True, tag="hang_rest"):
    """The next REST calls get no answer for so long, then 503."""

    count: Count
    seconds: Seconds
    path: Text = ""
    performed: bool = False


class SlowRest(_Order, frozen=True, kw_only=True, tag="slow_rest"):
    """What the next REST calls ask for is done at once, and answered only so much later."""

    count: Count
    seconds: Seconds
    path: Text = ""


RestFault = FailRest | HangRest | SlowRest


class FailRequests(_Order, frozen=True, kw_only=True, tag="fail_requests"):
    """The next requests for documents and the next callbacks find no connection (Twilio's 11200).

    ``path``: only those whose path holds it.
    """

    count: Count
    path: Text = ""


class FailDial(_Order, frozen=True, kw_only=True, tag="fail_dial"):
    """The next calls that REST asks for are not answered. ``to``: only those whose To holds it."""

    count: Count
    status: Literal["busy", "no-answer", "failed"]
    to: Text = ""


class Echo(_Order, frozen=True, kw_only=True, tag="echo"):
    """For so long, a telephone returns what it hears: so much later, so much softer."""

    call: str
    seconds: Seconds
    delay_ms: Annotated[int, msgspec.Meta(ge=20, le=1000)] = 200
    loss_db: Annotated[float, msgspec.Meta(ge=0, le=60)] = 20.0


FaultOrder = StreamFault | CallbackFault | WrongSignature | RestFault | FailRequests | FailDial | Echo
