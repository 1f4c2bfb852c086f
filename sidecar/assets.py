"""Where the files lie that are not code: templates, static files, TwiML. Nobody else builds such a path.

In a wheel they are inside the package (``sidecar/_assets``); in a checkout they are at its root.
"""

from __future__ import annotations

from pathlib import Path


def assets_root() -> Path:
    """The folder that holds ``web/`` and ``twiml/``."""
    package = Path(__file__).resolve().parent
    bundled = package / "_assets"
    return bundled if bundled.is_dir() else package.parent
