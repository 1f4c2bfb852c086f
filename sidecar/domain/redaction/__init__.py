"""Redaction: what must not leave this process of what was said. Rules without I/O (docs/redaction.md)."""
