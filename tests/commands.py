"""Runs a command of ``sidecar`` in this process: a new one would take seconds to start."""

from __future__ import annotations

import contextlib
import io
import sys

from sidecar.cli import main


def run_here(*arguments: str) -> tuple[int, str, str]:
    """Status, stdout, stderr. Not inside of a running event loop (there: ``asyncio.to_thread``)."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2))
    before, sys.argv = sys.argv, ["sidecar", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    else:
        status = 0
    finally:
        sys.argv = before
    return status, _text(out), _text(err)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
