"""Static files, read once and served under a fingerprint of them all, so that browsers may keep them for good.

One fingerprint for the whole tree: modules and style sheets import each other by relative paths.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_PACKED_ALREADY = frozenset({".woff2"})
_IMPORT = re.compile(rb'^import (?:.* from )?"(\.[\w/.]+)";', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file: its bytes, packed bytes where that helps, and its type."""

    body: bytes
    packed: bytes | None
    content_type: str


class StaticFiles:
    """All files of the static folder, in memory (some hundred kilobytes)."""

    def __init__(self, files: dict[str, StaticFile]) -> None:
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.encode() + b"\0" + files[path].body + b"\0")
        self._files = files
        self.version = digest.hexdigest()[:12]

    @classmethod
    def load(cls, root: Path) -> StaticFiles:
        """Read the folder. KeyError names a file whose type is not listed here: nothing is served by guessing."""
        return cls(
            {
                path.relative_to(root).as_posix(): _read(path)
                for path in sorted(root.rglob("*"))
                if path.is_file() and not path.name.startswith(".")
            }
        )

    def url(self, path: str) -> str:
        """The address of a file. KeyError for a file that is not there: a template's mistake shows in its test."""
        if path not in self._files:
            raise KeyError(path)
        return f"/static/{self.version}/{path}"

    def modules(self, entry: str) -> list[str]:
        """The addresses of a script and of all that it imports: a page names them, so that none waits for another."""
        found = [entry]
        for path in found:
            for name in _IMPORT.findall(self._files[path].body):
                imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.decode()))
                if imported not in found:
                    found.append(imported)
        return [self.url(path) for path in found]

    async def handle(self, request: web.Request) -> web.Response:
        """Serve a file. Under another fingerprint (a page of the release before) the present file, not to be kept."""
        found = self._files.get(request.match_info["path"])
        if found is None:
            raise web.HTTPNotFound(text="No such file.")
        current = request.match_info["version"] == self.version
        headers = {
            hdrs.CONTENT_TYPE: found.content_type,
            hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable" if current else "no-cache",
        }
        body = found.body
        if found.packed is not None:
            headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
            if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
                headers[hdrs.CONTENT_ENCODING] = "gzip"
                body = found.packed
        return web.Response(body=body, headers=headers)


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    packed = None if path.suffix in _PACKED_ALREADY else gzip.compress(body, mtime=0)
    return StaticFile(body, packed, _TYPES[path.suffix])
