"""Alerts: the rules of a tenant, and what they make of one conference. Rules without I/O (docs/alerts.md)."""
