"""Text and bytes to typed values and back, sans-I/O: Twilio's messages and signatures, SSE frames.

May import: domain, msgspec, json, hmac, base64. Never: asyncio, clocks, aiohttp, jinja2.
"""
