"""``GET /v1/conferences/{id}/transcript.{txt,vtt,srt,json,csv}``: a transcript as a file."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from sidecar.domain.exports import chunks, export_format, file_name
from sidecar.runtime.transcript_reader import export_of
from sidecar.server.app_keys import DIRECTORY, EVENT_LOG
from sidecar.server.auth.caller import CONFERENCE
from sidecar.server.problems import request_id

# A chunk that takes longer to leave is for a client that does not read.
WRITE_TIMEOUT_S = 30.0
PARTIAL_HEADER = "X-Transcript-Partial"


async def export_transcript(request: web.Request) -> web.StreamResponse:
    """The transcript as it is stored now, by our id or Twilio's; marked while the call goes on.

    404 for an unknown conference or format, 503 when the store does not answer.
    """
    form = export_format(request.match_info["format"])
    export = await export_of(request.app[DIRECTORY], request.app[EVENT_LOG], request[CONFERENCE].id)
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: f"{form.content_type}; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file_name(export, form)}"',
            hdrs.CACHE_CONTROL: "no-store",
            "X-Request-Id": request_id(request),
        }
    )
    if export.partial:
        response.headers[PARTIAL_HEADER] = "true"
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    try:
        for chunk in chunks(form.pieces(export)):
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await response.write(chunk)
            await asyncio.sleep(0)  # a fast reader must not keep the loop to itself
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
