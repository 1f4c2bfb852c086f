"""Where the emulator's parts hang on the aiohttp application."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.exchange import Exchange
from sidecar.emulator.player import Run

EXCHANGE = web.AppKey("exchange", Exchange)
RUNS = web.AppKey("runs", dict[str, Run])
# Browsers on the line: softphones and listeners.
PHONES = web.AppKey("phones", set[web.WebSocketResponse])
# The port of the service's pages on the same host, 0 if unknown: they may show the listen page.
PAGES_PORT = web.AppKey("pages_port", int)
