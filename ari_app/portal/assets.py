"""Files the pages load: read once, kept compressed, named by their content, so that a browser fetches each once per version."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

__all__ = ["Assets"]

_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes
    kind: str


class Assets:
    """The folder ``static`` under ``/static/<digest of all of it>/``: one digest, so that modules import each other by plain names."""

    def __init__(self) -> None:
        found = {
            item.name: _lean(item.name, item.read_bytes())
            for item in sorted(files("ari_app.portal").joinpath("static").iterdir(), key=lambda each: each.name)
        }
        digest = hashlib.sha256()
        for name, body in found.items():
            digest.update(name.encode() + b"\0" + body + b"\0")
        self.version = digest.hexdigest()[:12]
        self._files = {name: _File(body, gzip.compress(body, 9, mtime=0), _kind(name)) for name, body in found.items()}

    def address(self, name: str) -> str:
        """Where a page finds a file. Raises KeyError for one that is not there."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def size(self, name: str) -> int:
        """Bytes of a file, not compressed."""
        return len(self._files[name].body)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._files)

    async def serve(self, request: web.Request) -> web.Response:
        """One file. That of another version is given as it is now, and not kept: a page may be older than the service."""
        file = self._files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        current = request.match_info["version"] == self.version
        headers = {"Cache-Control": _FOREVER if current else "no-cache", "Vary": "Accept-Encoding"}
        packed = "gzip" in request.headers.get("Accept-Encoding", "") and len(file.packed) < len(file.body)
        if packed:
            headers["Content-Encoding"] = "gzip"
        response = web.Response(body=file.packed if packed else file.body, headers=headers)
        response.content_type = file.kind
        if file.kind.startswith("text/"):
            response.charset = "utf-8"
        return response


def _lean(name: str, body: bytes) -> bytes:
    """A file without what only its authors read: comments on lines of their own, indentation, blanks beside a style's marks."""
    if name.endswith(".js"):
        return re.sub(rb"^[ \t]*(?://.*\n)?", b"", body, flags=re.MULTILINE)
    if name.endswith(".css"):
        said = re.sub(rb"\s*([{};,])\s*", rb"\1", re.sub(rb"/\*.*?\*/", b"", body, flags=re.DOTALL)).strip()
        return re.sub(rb"(?<=[\w-]): |;(?=})", lambda found: found[0][:1].strip(b";"), said)  # a selector's colon has no blank after it
    return body


def _kind(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
