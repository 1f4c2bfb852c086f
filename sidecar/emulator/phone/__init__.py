"""Telephones in browsers: the softphone speaks and hears, the listen page hears. Not part of Twilio."""
