"""Where to go after signing in: a page of ours, whatever an address says. Pure."""

from __future__ import annotations

LENGTH_MOST = 1000


def safe_next(path: str) -> str:
    """``path`` if a browser takes it for a page of this site, else ``/``.

    Browsers read ``//host`` and ``/\\host`` as another site and drop tabs and line ends before they look
    (https://url.spec.whatwg.org/#url-parsing), so anything but plain printable characters is refused.
    """
    plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    ours = plain and path.startswith("/") and not path.startswith("//") and len(path) <= LENGTH_MOST
    return path if ours and path.partition("?")[0] not in {"/login", "/logout"} else "/"
