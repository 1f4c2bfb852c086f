"""``sidecar demo``: a small Twilio and the service as processes, and calls that are played through both."""
