"""Ports fulfilled: SQL, recognisers, Twilio's REST, the clock.

May import: ports, domain, wire, speech and one vendor each. Never: server, runtime, config.
"""
