"""Webhooks on SQL: what is to be told is a row, from the outbox to the last attempt (docs/webhooks.md)."""
