"""Measurements of the service, each process of its own, on loopback only. ``make bench`` writes docs/performance.md."""
