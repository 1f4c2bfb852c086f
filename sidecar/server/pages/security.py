"""Headers that keep a page to itself: transcripts are hostile input, and pages show them."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

# Everything from this origin and nothing inline; no script may turn text into markup or code. The one policy by name
# lets stream.js name the file of its worker.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types sidecar-worker"
)


def policy_with_frames_from(source: str) -> str:
    """The policy of a page that may show frames of that host and port, by the page's own scheme."""
    return f"{CONTENT_SECURITY_POLICY}; frame-src {source}"


def policy_framed_by(origins: Sequence[str]) -> str:
    """The policy of a page that pages of these origins, and our own, may show in a frame."""
    return CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", " ".join(["frame-ancestors 'self'", *origins]))


async def guard_pages(_request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler for ``on_response_prepare``: every answer, and more for HTML, errors included."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if response.content_type == "text/html":
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
