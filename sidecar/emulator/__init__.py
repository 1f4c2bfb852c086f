"""A small Twilio for one machine, met over HTTP and WebSocket only.

May import: domain, speech, assets, aiohttp, twilio's RequestValidator.
Never: wire, runtime, ports, adapters, server, config - the service and its emulator share no parsing code.
"""
