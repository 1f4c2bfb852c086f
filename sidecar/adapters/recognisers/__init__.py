"""Engines that turn a participant's audio into text."""
