"""Engines that answer, in text."""
