"""What handlers may take from the application, by typed key. The composition root puts it there."""

from __future__ import annotations

from aiohttp import web

from sidecar.ports.clock import Clock
from sidecar.ports.directory import Directory
from sidecar.ports.event_log import EventLog
from sidecar.runtime.event_bus import EventBus
from sidecar.server.stream_hub import StreamHub

EVENT_LOG: web.AppKey[EventLog] = web.AppKey("event_log", EventLog)
DIRECTORY: web.AppKey[Directory] = web.AppKey("directory", Directory)
CLOCK: web.AppKey[Clock] = web.AppKey("clock", Clock)
EVENT_BUS: web.AppKey[EventBus] = web.AppKey("event_bus", EventBus)
STREAM_HUB: web.AppKey[StreamHub] = web.AppKey("stream_hub", StreamHub)
