"""Conference Sidecar: live transcripts beside Twilio Conferences."""

__version__ = "0.1.0"
