"""Rules without I/O. May use values of the standard library, msgspec and pure libraries.

Never: asyncio, clocks, the operating system, any other room.
"""
