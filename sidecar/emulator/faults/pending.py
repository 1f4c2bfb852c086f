"""Faults that a tester has ordered, and which of them are still to come. Each is bounded in number and time. Pure.

Whoever does a thing asks here first whether it shall go wrong: ``signing``, ``webhooks``, ``callbacks``, ``calls``,
``rest``. What concerns a stream or a telephone happens at once. Shown under /control/state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import msgspec

from sidecar.domain.errors import SidecarError
from sidecar.emulator.faults.orders import (
    CallbackFault,
    Echo,
    FailDial,
    FailRequests,
    FaultOrder,
    ReorderCallbacks,
    RestFault,
    StreamFault,
    WrongSignature,
)
from sidecar.emulator.state import CallStatus

MAX_KEPT = 200  # the oldest of those that are over are forgotten
MAX_PENDING = 50


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
        """Take an order. What happens at once has nothing left. Raises TooManyFaults."""
        pending = [fault for fault in self._kept.values() if fault.left]
        if len(pending) >= MAX_PENDING:
            raise TooManyFaults(f"{MAX_PENDING} faults are still to come; wait for them or clear them.")
        left = 0 if isinstance(order, StreamFault | Echo) else order.count
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

    def for_request(self, path: str) -> bool:
        """Shall this request to the service find no connection?"""
        return self._take(lambda order: isinstance(order, FailRequests) and order.path in path) is not None

    def for_dial(self, to: str) -> CallStatus | None:
        """How the call shall not be answered; None if it shall."""
        taken = self._take(lambda order: isinstance(order, FailDial) and order.to in to)
        return CallStatus(taken.order.status) if taken is not None and isinstance(taken.order, FailDial) else None

    def _take(self, fits: Callable[[FaultOrder], bool]) -> Fault | None:
        for fault in self._kept.values():
            if fault.left and fits(fault.order):
                fault.left -= 1
                return fault
        return None
