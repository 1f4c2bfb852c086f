"""Who may come in: callers and what they may do, keys, passwords. Rules without I/O (docs/access.md)."""
