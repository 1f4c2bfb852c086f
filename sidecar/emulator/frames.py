"""The frames of a media stream, written from Twilio's page. Text out, nothing in, no I/O.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages. Counters and times are JSON strings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FRAME_MS = 20
FRAME_BYTES = 160  # 20 ms of mu-law at 8 kHz
SAMPLE_RATE_HZ = 8000


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class FrameWriter:
    """Numbers and spells the frames of one stream: ``connected``, ``start``, ``media`` at will, ``stop`` last.

    A frame that is made but never sent leaves a hole in ``sequenceNumber`` and ``timestamp``: that is how a loss shows.
    """

    def __init__(self, *, account_sid: str, call_sid: str, stream_sid: str) -> None:
        self._account_sid, self._call_sid, self._stream_sid = account_sid, call_sid, stream_sid
        self._sequence = 0
        self._chunk = 0
        self._media_tail = b'"},"streamSid":"%b"}' % stream_sid.encode()

    def connected(self) -> bytes:
        """The first frame; it has no number."""
        return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, *, tracks: Sequence[str], parameters: Mapping[str, str]) -> bytes:
        """``tracks`` holds inbound, outbound or both; ``parameters`` become customParameters."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": list(tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE_HZ, "channels": 1},
            "customParameters": dict(parameters),
        }
        return self._numbered("start", start)

    def media(self, track: str, timestamp_ms: int, payload_base64: bytes) -> bytes:
        """Audio of one track; the timestamp is where it begins, in ms since the stream started.

        ``chunk`` counts across tracks, as in Twilio's own sample of a stream with two.
        """
        self._sequence += 1
        self._chunk += 1
        head = '{"event":"media","sequenceNumber":"%d","media":{"track":"%s","chunk":"%d","timestamp":"%d","payload":"'
        return (head % (self._sequence, track, self._chunk, timestamp_ms)).encode() + payload_base64 + self._media_tail

    def mark(self, name: str) -> bytes:
        """What the service sent before the mark of that name has been played, or cleared. Two-way streams only."""
        return self._numbered("mark", {"name": name})

    def dtmf(self, digit: str) -> bytes:
        """A key was pressed. Two-way streams only; the track is always spelled like this."""
        return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> bytes:
        """The last frame: the stream was stopped or the call is over. Twilio gives no reason."""
        return self._numbered("stop", {"accountSid": self._account_sid, "callSid": self._call_sid})

    def _numbered(self, event: str, body: Mapping[str, Any]) -> bytes:
        self._sequence += 1
        return _json(
            {"event": event, "sequenceNumber": str(self._sequence), event: body, "streamSid": self._stream_sid}
        )
