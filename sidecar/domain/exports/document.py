"""JSON: everything that is stored of a transcript as one document, the one that ``demo --once --json`` prints too.

Each utterance and each gap stands on a line of its own, so that long files stay readable and compare well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sidecar.domain.alerts.events import AlertAcknowledged, AlertRaised
from sidecar.domain.exports.reading import Export, Line, Missing, Noted, Paused, Spoken, iso


def json_pieces(export: Export) -> Iterator[str]:
    """The document: ``conference``, ``partial``; ``utterances``, ``gaps``, ``pauses``, ``notes``, ``alerts``;
    ``assistant``, ``manifest``."""
    yield f'{{\n"conference": {_json(_conference(export))},\n"partial": {_json(export.partial)},\n'
    yield from _list("utterances", (one for one in export.lines if isinstance(one, Spoken)))
    yield from _list("gaps", (one for one in export.lines if isinstance(one, Missing)))
    yield from _list("pauses", (one for one in export.lines if isinstance(one, Paused)))
    yield from _list("notes", (one for one in export.lines if isinstance(one, Noted)))
    yield from _items("alerts", (_alert(*one) for one in export.alerts))
    turns = [{"seq": seq} | msgspec.to_builtins(turn) for seq, turn in export.turns]
    yield f'"assistant": {{"turns": {_json(turns)}}},\n"manifest": {_json(export.manifest)}\n}}\n'


def _conference(export: Export) -> dict[str, Any]:
    conference = export.conference
    body: dict[str, Any] = {
        "id": conference.id,
        "conference_sid": conference.sid,
        "room": conference.room,
        "clock_zero": iso(conference.clock_zero),
    }
    if export.ended is not None and export.ended_at is not None:
        body |= {
            "ended_at": iso(export.ended_at),
            "reason": export.ended.reason,
            "duration_ms": export.ended.at_ms,
        }
    body["participants"] = [
        {
            "participant": speaker.id,
            "call_sid": speaker.joined.call_sid if speaker.joined else None,
            "label": speaker.label,
            "name": speaker.name,
            "role": speaker.role,
            "at_ms": speaker.joined.at_ms if speaker.joined else None,
        }
        for speaker in export.speakers
    ]
    return body


def _list(name: str, lines: Iterable[Line]) -> Iterator[str]:
    return _items(name, map(_line, lines))


def _items(name: str, items: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield f'"{name}": ['
    between = "\n"
    for item in items:
        yield between + _json(item)
        between = ",\n"
    yield "],\n" if between == "\n" else "\n],\n"


def _alert(seq: int, raised: AlertRaised, noted: AlertAcknowledged | None) -> dict[str, Any]:
    """The event's data, and who took note of it."""
    body: dict[str, Any] = {"seq": seq} | msgspec.to_builtins(raised)
    return body | {"acknowledged_by": noted.by if noted else None, "note": noted.note if noted else ""}


def _line(line: Line) -> dict[str, Any]:
    """The event's data; ``participant`` is the label, which people know, and ``participant_id`` the id."""
    if isinstance(line, Paused):
        return {"seq": line.seq, "from_ms": line.from_ms, "to_ms": line.to_ms, "by": line.by, "reason": line.reason}
    if isinstance(line, Noted):
        return {"seq": line.seq} | msgspec.structs.asdict(line.note)
    data: dict[str, Any] = msgspec.to_builtins(line.gap if isinstance(line, Missing) else line.said)
    named = {"participant": line.speaker.label, "participant_id": line.speaker.id, "role": line.speaker.role}
    return {"seq": line.seq} | data | named


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
