"""Calls to which everything happens that can, and an oracle that knows what was said. ``make chaos``."""
