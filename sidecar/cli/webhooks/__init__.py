"""``sidecar webhooks``: real events, sample events and events once more, for who builds a receiver."""
