"""How long calls are kept, on SQL, and how they go: whole, or words of them (docs/redaction.md)."""
