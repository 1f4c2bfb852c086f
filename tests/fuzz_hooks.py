"""What schemathesis cannot know: which ids exist here, and that an Idempotency-Key is for one request only.

Loaded by schemathesis (``SCHEMATHESIS_HOOKS``), in its own process.
"""

from __future__ import annotations

import json
import os
import uuid
import zlib
from typing import Any

import schemathesis

IDS = "SIDECAR_TEST_FUZZ_IDS"
_KNOWN: dict[str, str] = json.loads(os.environ.get(IDS, "{}"))  # noqa: TID251 - a process of its own, without settings


@schemathesis.hook
def map_path_parameters(_context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Of three made-up ids two become one that exists."""
    return {
        name: _KNOWN[name] if name in _KNOWN and zlib.crc32(str(value).encode()) % 3 else value
        for name, value in (path_parameters or {}).items()
    } or path_parameters


@schemathesis.hook
def map_headers(_context: Any, headers: dict[str, Any] | None) -> dict[str, Any] | None:
    """A good key is a fresh one; a bad one stays as bad as it is."""
    if headers and len(str(headers.get("Idempotency-Key", ""))) > 8:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    return headers
