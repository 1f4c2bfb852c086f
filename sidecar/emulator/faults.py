"""Faults that a tester orders, and which of them are still to come. Each is bounded in number and time. Pure.

Whoever does a thing asks here first whether it shall go wrong: ``signing``, ``callbacks``, ``rest``; streams are
told at once (``streams``). Shown under /control/state and listed in docs/emulator.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from sidecar.domain.errors import SidecarError

MAX_KEPT = 200  # the oldest of those that are over are forgotten
MAX_PENDING = 50

Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
Text = Annotated[str, msgspec.Meta(max_length=256)]


class _Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all orders have: nothing but their kind."""


class Stall(_Order, frozen=True, kw_only=True, tag="stall"):
    """Nothing comes for so long, then all that was held back, in one burst."""

    stream: str
    seconds: Seconds


class HalfOpen(_Order, frozen=True, kw_only=True, tag="half_open"):
    """For so long nothing is sent, read or answered, and the connection stays; then it is gone without a close."""

    stream: str
    seconds: Seconds


class Gap(_Order, frozen=True, kw_only=True, tag="gap"):
    """The frames of so long are lost: a hole in numbers and timestamps."""

    stream: str
    seconds: Seconds


class DuplicateFrames(_Order, frozen=True, kw_only=True, tag="duplicate_frames"):
    """Each of the next frames comes twice."""

    stream: str
    count: Count


class SecondSocket(_Order, frozen=True, kw_only=True, tag="second_socket"):
    """Another connection says that it is the same stream, for so long, with the same token."""

    stream: str
    seconds: Seconds


StreamFault = Stall | HalfOpen | Gap | DuplicateFrames | SecondSocket


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


RestFault = FailRest | HangRest
FaultOrder = StreamFault | CallbackFault | WrongSignature | RestFault


class TooManyFaults(SidecarError):
    """So many faults are still to come that no other is taken."""

    code = "too_many_faults"


class Fault(msgspec.Struct, kw_only=True):
    """One order. ``left``: how often it is still to happen. ``outcome``: what came of it, if there is more to say."""

    id: str
    order: FaultOrder
    left: int
    outcome: str = ""


class Faults:
    """The ledger of orders, oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, Fault] = {}

    @property
    def all(self) -> list[Fault]:
        """Those to come and the newest of those that are over."""
        return list(self._kept.values())

    def add(self, order: FaultOrder) -> Fault:
        """Take an order. What concerns a stream happens at once, so nothing of it is left. Raises TooManyFaults."""
        pending = [fault for fault in self._kept.values() if fault.left]
        if len(pending) >= MAX_PENDING:
            raise TooManyFaults(f"{MAX_PENDING} faults are still to come; wait for them or clear them.")
        left = 0 if isinstance(order, StreamFault) else order.count
        fault = Fault(id=f"flt_{secrets.token_hex(8)}", order=order, left=left)
        self._kept[fault.id] = fault
        over = [known.id for known in self._kept.values() if not known.left and known is not fault]
        for fault_id in over[: max(0, len(self._kept) - MAX_KEPT)]:
            del self._kept[fault_id]
        return fault

    def clear(self) -> None:
        """What has not happened yet, never will."""
        for fault in self._kept.values():
            fault.left = 0

    def for_signature(self, *, socket: bool) -> bool:
        """Shall this request, or upgrade, be signed wrongly?"""
        on = "sockets" if socket else "requests"
        return self._take(lambda order: isinstance(order, WrongSignature) and order.on == on) is not None

    def for_callback(self, about: set[str]) -> CallbackFault | None:
        """What shall happen to the callback that tells about these ids. A reordering is taken for all its callbacks."""
        taken = self._take(lambda order: isinstance(order, CallbackFault) and order.about in {"", *about})
        if taken is None:
            return None
        if isinstance(taken.order, ReorderCallbacks):
            taken.left = 0
        return taken.order if isinstance(taken.order, CallbackFault) else None

    def for_rest(self, path: str) -> RestFault | None:
        """What shall happen to the REST call."""
        taken = self._take(lambda order: isinstance(order, RestFault) and order.path in path)
        return taken.order if taken is not None and isinstance(taken.order, RestFault) else None

    def _take(self, fits: Callable[[FaultOrder], bool]) -> Fault | None:
        for fault in self._kept.values():
            if fault.left and fits(fault.order):
                fault.left -= 1
                return fault
        return None
