"""What Twilio calls: the voice URL, status callbacks and the media socket. Every request must be signed.

Facts about Twilio's side: twilio.com/docs/voice/media-streams, twilio.com/docs/usage/security.
"""
