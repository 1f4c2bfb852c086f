"""Is this 20 ms of telephone audio voiced? One detector per participant, as it adapts to the line's noise.

WebRTC's detector (https://webrtc.googlesource.com/src/+/refs/heads/main/common_audio/vad/). Never segments.
"""

from __future__ import annotations

from sidecar.speech import g711

FRAME_MS = 20
FRAME_BYTES = FRAME_MS * g711.BYTES_PER_MS  # of mu-law

# 0 calls nearly everything voiced, 3 only what is surely speech. On a real call, 2 also took the other side's faint
# echo for speech: 60 % more segments, filled with invented words; 3 kept every "yes" and "okay".
AGGRESSIVENESS = 3


class VoiceActivity:
    """WebRTC's detector on mu-law frames."""

    def __init__(self, aggressiveness: int = AGGRESSIVENESS) -> None:
        import webrtcvad  # part of the extra ``local``: absent where nobody transcribes on this machine

        self._vad = webrtcvad.Vad(aggressiveness)

    def is_voiced(self, frame: bytes) -> bool:
        """``frame``: exactly FRAME_BYTES of mu-law, following on the one before."""
        return bool(self._vad.is_speech(g711.decode(frame).tobytes(), g711.SAMPLE_RATE))
