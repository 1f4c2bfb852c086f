"""Audio and models: codecs, resampling, voice activity, segments, the local recogniser's model.

May import: domain, numpy, soxr, VAD and model packages. Never: asyncio, aiohttp.
"""
