"""The HTTP rim: Twilio's webhooks and media sockets, pages, the API, server-sent events.

May import: runtime, ports, domain, wire, assets, aiohttp, jinja2. Never: adapters, sqlalchemy, config.
"""
