"""Where the emulator's parts hang on the aiohttp application."""

from __future__ import annotations

from aiohttp import web

from sidecar.emulator.exchange import Exchange
from sidecar.emulator.player import Run

EXCHANGE = web.AppKey("exchange", Exchange)
RUNS = web.AppKey("runs", dict[str, Run])
