"""An event of each durable type that never happened, for integrators who want to see one arrive.

Made from the structs themselves, so a new type has its sample at once; ``EXAMPLES`` makes what it says look real.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import inspect

from sidecar.domain.errors import SidecarError
from sidecar.domain.event_data import EventData
from sidecar.domain.events import DURABLE, Event

# By this id a receiver tells a sample from what happened: no conference has it.
SAMPLE_CONFERENCE = "cnf_sample"
SAMPLE_SID = "CF00000000000000000000000000000000"
_PARTICIPANT = "par_sample"
# What a field of this name says, in whatever type it stands, as long as it fits.
EXAMPLES: dict[str, Any] = {
    "room": "harbor-bikes",
    "conference_sid": SAMPLE_SID,
    "participant": _PARTICIPANT,
    "assistant": "ast_sample",
    "fork": "frk_sample",
    "session": "ses_sample",
    "utterance": "utt_sample",
    "id": "utt_sample",
    "call_sid": "CA00000000000000000000000000000000",
    "stream_sid": "MZ00000000000000000000000000000000",
    "label": "customer",
    "name": "Customer",
    "role": "customer",
    "by": "Ana",
    "text": "I would like to book a repair.",
    "heard": "I would like to book a repair.",
    "engine": "local",
    "reason": "sample",
    "why": "addressed",
    "outcome": "completed",
    "prompt": "",
    "at_ms": 8_140,
    "start_ms": 8_140,
    "end_ms": 10_320,
    "from_ms": 12_000,
    "to_ms": 16_000,
    "lag_ms": 610,
    "gap_ms": 4_000,
    "utterances": 12,
    "gaps": 1,
    "last_seq": 42,
    "revision": 1,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
}
_TYPES = {kind.type: kind for kind in DURABLE}


class UnknownEventType(SidecarError):
    """No durable event has this type."""

    code = "event_type_unknown"


def durable_types() -> list[str]:
    """The type of every durable event, in the order of docs/events.md."""
    return list(_TYPES)


def sample(type_: str, *, event_id: str, tenant: str, timestamp: datetime) -> Event:
    """An event of this type. Raises UnknownEventType (event_type_unknown)."""
    kind = _TYPES.get(type_)
    if kind is None:
        raise UnknownEventType(
            f"No event has the type {type_[:64]!r}.", next_step=f"There are: {', '.join(durable_types())}."
        )
    return Event(
        id=event_id,
        type=type_,
        seq=1,
        timestamp=timestamp,
        conference=SAMPLE_CONFERENCE,
        conference_sid=SAMPLE_SID,
        tenant=tenant,
        data=_data(kind),
    )


def _data(kind: type[EventData]) -> EventData:
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)  # noqa: S101 - every EventData is one
    return msgspec.convert({field.name: _value(field) for field in shape.fields if field.required}, kind)


def _value(field: inspect.Field) -> Any:
    """The example of that name where it fits, else the plainest value of the field's type."""
    kinds = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
    example = EXAMPLES.get(field.name)
    return next((example for kind in kinds if _fits(example, kind)), None) or _plain(kinds[0], field.name)


def _fits(example: Any, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StrType():
            return isinstance(example, str)
        case inspect.IntType() | inspect.FloatType():
            return isinstance(example, int)
        case inspect.EnumType(cls=cls):
            return example in list(cls)
        case _:
            return False


def _plain(kind: inspect.Type, name: str) -> Any:  # noqa: PLR0911 - one per type
    match kind:
        case inspect.StrType():
            return EXAMPLES.get(name, name)
        case inspect.IntType() | inspect.FloatType():
            return 0
        case inspect.BoolType():
            return False
        case inspect.EnumType(cls=cls):
            return next(iter(cls)).value
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.DateTimeType():
            return "2026-01-01T00:00:00Z"
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType():
            return []
        case inspect.StructType(fields=fields):
            return {field.encode_name: _value(field) for field in fields if field.required}
        case inspect.DictType():
            return {}
        case _:
            return None
