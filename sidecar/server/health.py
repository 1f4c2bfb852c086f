"""``/healthz``: this process runs and answers. Nothing else is promised by it."""

from __future__ import annotations

from aiohttp import web


async def healthz(_request: web.Request) -> web.Response:
    """Always 200 while the event loop turns."""
    return web.json_response({"status": "ok"})
