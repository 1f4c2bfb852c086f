"""Where the files lie that are not code: templates, static files, TwiML, the API's document. Only this builds paths.

In a wheel they are inside the package (``sidecar/_assets``); in a checkout they are at its root.
"""

from __future__ import annotations

from pathlib import Path


def assets_root() -> Path:
    """The folder that holds ``web/``, ``twiml/`` and ``docs/openapi.yaml``."""
    package = Path(__file__).resolve().parent
    bundled = package / "_assets"
    return bundled if bundled.is_dir() else package.parent
