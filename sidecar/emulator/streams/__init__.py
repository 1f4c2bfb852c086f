"""Media streams, out over their WebSockets and back: frames to the service, its sound and marks to the call.

Source: https://www.twilio.com/docs/voice/media-streams.
"""
