"""Searches on SQL: words are folded as they are stored, and both databases find the same (docs/search.md)."""
