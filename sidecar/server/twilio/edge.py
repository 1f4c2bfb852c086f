"""Where Twilio finds us, and with what it proves itself."""

from __future__ import annotations

import msgspec

from sidecar.wire.twilio_signature import Secrets


class TwilioEdge(msgspec.Struct, frozen=True, kw_only=True):
    """How Twilio reaches us and proves itself.

    ``public_url``: scheme and host (and path prefix) as Twilio requests it, no slash at the end.
    ``secrets``: what may sign; without any, nothing is accepted.
    ``notice``: spoken to each caller before transcription starts; "" for none. ``assistant_name``: who is announced.
    """

    public_url: str
    secrets: Secrets = Secrets()
    notice: str = ""
    assistant_name: str = ""

    def url(self, path: str) -> str:
        """The public address of one of our routes."""
        return self.public_url + path

    def socket_url(self, path: str) -> str:
        """The same for a WebSocket: ws for http, wss for https."""
        return "ws" + self.public_url.removeprefix("http") + path
