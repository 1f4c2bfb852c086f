"""Webhooks: who is told of what, at which address, and when again. Rules without I/O (docs/webhooks.md)."""
