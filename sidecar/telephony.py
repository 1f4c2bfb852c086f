"""The Twilio account of the settings, for the service, and for commands that need nothing else of it."""

from __future__ import annotations

from sidecar.adapters.twilio import TwilioAccount, TwilioTelephony
from sidecar.config import Settings
from sidecar.server.twilio.edge import TwilioEdge


def build_telephony(settings: Settings) -> TwilioTelephony | None:
    """None without an account: then streams that die are not opened again."""
    account, token = settings.twilio_account_sid, (settings.twilio_tokens or ("",))[0]
    key, secret = settings.twilio_api_key, settings.twilio_api_secret.get_secret_value()
    if not account or not (secret if key else token):
        return None
    edge = TwilioEdge(public_url=settings.base_url)
    return TwilioTelephony(
        TwilioAccount(
            account_sid=account,
            key=key or account,
            secret=secret if key else token,
            api_base_url=settings.twilio_api_base_url or None,
        ),
        media_url=edge.socket_url("/twilio/media"),
        stream_events_url=edge.url("/twilio/stream-events"),
        announcements_url=edge.url("/twilio/announcements"),
        participant_events_url=edge.url("/twilio/participant-events"),
    )
