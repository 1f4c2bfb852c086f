"""What Twilio's documents leave open, and how this emulator behaves there until a tester says otherwise. Pure.

Set by ``POST /control/assumptions``: a service is right only if it works under each of them.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Assumptions(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The first value of each is the default.

    ``connection_lost``: a two-way stream's connection is lost without a close: the next verb, or the end of the call.
    ``service_closed``: what the stream's status callback says when the service closes a two-way stream.
    ``application_to``: ``To`` of the request to an application: with the parameters that stood in it, or without.
    ``own_voice``: what an application hears of its conference: the others only, or itself as well.
    """

    connection_lost: Literal["next_verb", "hang_up"] = "next_verb"
    service_closed: Literal["stream-error", "stream-stopped"] = "stream-error"
    application_to: Literal["as_dialled", "bare"] = "as_dialled"
    own_voice: Literal["left_out", "heard"] = "left_out"

    def become(self, others: Assumptions) -> None:
        """Take all values of the others."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(others, name))
