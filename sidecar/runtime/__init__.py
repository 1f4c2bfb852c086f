"""Long-lived work: sessions, the event writer, the bus, recovery. Owns every task.

May import: domain, ports, speech, asyncio. Never: aiohttp, sqlalchemy, wire, vendors - it does not know Twilio.
"""
