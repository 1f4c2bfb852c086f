"""The control API under /control: what a tester does to the small Twilio. Not part of Twilio (docs/emulator.md)."""
