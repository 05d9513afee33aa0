"""Headers of every response: what browsers may do with it, and what caches must tell apart. Knows no routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from api.videos.hls import PLAYLIST_TYPE

POLICY: Final = b"content-security-policy"
SECURITY_HEADERS: Final = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (POLICY, b"default-src 'none'; frame-ancestors 'none'"),
]

MEDIA_TYPES: Final = (b"video/", b"audio/", b"image/", PLAYLIST_TYPE.encode())
MEDIA_POLICY: Final = (
    b"default-src 'none'; media-src 'self' blob:; img-src 'self' data:; style-src 'unsafe-inline'; "
    b"frame-ancestors 'none'"
)
"""A browser that opens a media file shows it in a page of its own, which the policy of the file governs."""

EXPOSED_HEADERS: Final = [
    *("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag"),
    *("Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id", "openai-poll-after-ms"),
    *("Tus-Extension", "Tus-Max-Size", "Tus-Resumable", "Tus-Version"),
    *("Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset", "WWW-Authenticate"),
]
"""Headers that scripts of other origins may read, beside those that CORS always lets them read."""


def missing_security_headers(present: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The security headers that a response with these headers lacks."""
    headers = [header for header in SECURITY_HEADERS if header[0] not in present]
    if present.get(b"content-type", b"").startswith(MEDIA_TYPES):
        return [(name, MEDIA_POLICY if name == POLICY else value) for name, value in headers]
    return headers


async def vary_by_origin(message: Message, _: Scope) -> None:
    """Add `Vary: Origin`, because a cache must not give one origin the response that names another, or none."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        if "origin" not in headers.get("vary", "").lower():
            headers.extend_header_value("vary", "Origin")
