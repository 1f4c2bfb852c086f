"""What ``demo --once`` prints: the finished transcript for people, or one JSON document for machines."""

from __future__ import annotations

from typing import Any

from sidecar.cli.feed import Envelope
from sidecar.domain.events import GAP_REASONS


class Transcript:
    """Gathers a conference's durable events; people and lines are read from it when it is complete."""

    def __init__(self, conference_id: str, room: str) -> None:
        self._conference: dict[str, Any] = {"id": conference_id, "conference_sid": None, "room": room}
        self._participants: dict[str, dict[str, Any]] = {}
        self._utterances: list[Envelope] = []
        self._gaps: list[Envelope] = []
        self._manifest: dict[str, Any] | None = None

    def add(self, event: Envelope) -> None:
        """The next event."""
        data = event["data"]
        self._conference["conference_sid"] = event["conference_sid"] or self._conference["conference_sid"]
        match event["type"]:
            case "participant.joined":
                self._participants[data["participant"]] = data
            case "utterance.final":
                self._utterances.append(event)
            case "transcript.gap":
                self._gaps.append(event)
            case "conference.ended":
                self._conference |= {
                    "ended_at": event["timestamp"],
                    "reason": data["reason"],
                    "duration_ms": data["at_ms"],
                }
            case "transcript.completed":
                self._manifest = data
            case _:
                pass  # joins, forks and types of a later version say nothing that is printed

    @property
    def spoken(self) -> int:
        """How many utterances there are so far."""
        return len(self._utterances)

    def document(self) -> dict[str, Any]:
        """The whole as JSON would carry it: utterances and gaps in order of speech."""
        lines = sorted(self._utterances, key=lambda event: (event["data"]["start_ms"], event["seq"]))
        gaps = sorted(self._gaps, key=lambda event: (event["data"]["from_ms"], event["seq"]))
        return {
            "conference": self._conference | {"participants": list(self._participants.values())},
            "utterances": [self._line(event) for event in lines],
            "gaps": [self._line(event) for event in gaps],
            "assistant": {"turns": []},
            "manifest": self._manifest,
        }

    def text(self) -> str:
        """One line per utterance or gap, in order of speech."""
        document = self.document()
        rows = [(line["start_ms"], line["participant"], line["text"]) for line in document["utterances"]]
        rows += [
            (
                gap["from_ms"],
                gap["participant"],
                _gap_text(gap),
            )
            for gap in document["gaps"]
        ]
        width = max((len(who) for _, who, _ in rows), default=0)
        return "\n".join(f"{_clock(start)}  {who:<{width}}  {text}" for start, who, text in sorted(rows))

    def _line(self, event: Envelope) -> dict[str, Any]:
        data = event["data"]
        who = self._participants.get(data["participant"], {})
        named = {
            "participant": who.get("label", ""),
            "participant_id": data["participant"],
            "role": who.get("role", ""),
        }
        line: dict[str, Any] = {"seq": event["seq"]} | data | named
        return line


def _gap_text(gap: dict[str, Any]) -> str:
    seconds = (gap["to_ms"] - gap["from_ms"]) / 1000
    return f"[{seconds:.1f} s not transcribed: {GAP_REASONS.get(gap['reason'], gap['reason'])}]"


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes:02}:{seconds:02}"
