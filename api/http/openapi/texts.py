"""Descriptions in the OpenAPI document that belong to no single route or Struct."""

from __future__ import annotations

from typing import Any

DESCRIPTION = """\
A backend that generates videos from text prompts. OpenAI's Videos API is a subset of it.

- **Authentication**: `Authorization: Bearer …` with an access token from `POST /v1/auth/login` or an API key `kin_…`.
- **Errors** are problem documents (RFC 9457) that also carry the `error` member OpenAI's clients read. `param` names
  the invalid field; `instance` is the id of the request, which every response also has in `X-Request-Id`.
- **Retries** of a request that creates something are safe with an `Idempotency-Key`.
- **Times** are Unix seconds. **Lists** are paginated with `after`, `limit` and `order`.
- **Optional fields** of a request body have the documented default. A response has every field; absent values are null.
- **Compatibility**: ignore fields and enumeration values you do not know; later versions add some.
"""

TAGS = {
    "Videos": "Generate, watch, download and cancel videos.",
    "Images": "Generate images.",
    "Uploads": "Images and videos uploaded for use in requests.",
    "Presets": "Style presets, built in or one's own.",
    "Models": "Models and their capabilities.",
    "Sign-in": "Accounts, tokens and sessions.",
    "Account": "The signed-in user.",
    "API keys": "Credentials for programs.",
    "Billing": "Credits, plans and purchases.",
    "Operation": "Health and metrics for the operator.",
}

SECURITY: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token or an API key `kin_…`."},
    "signature": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "Part of the signed URLs in a video's `assets`, for players that send no header.",
    },
}

REQUEST_HEADERS = {
    "Idempotency-Key": "Makes retries safe: for 24 hours, the same key returns the first response.",
    "Prefer": "`wait=60` delays the response until the video is finished, for at most that number of seconds.",
    "Range": "Part of the file, for example `bytes=0-1023`.",
    "If-Range": "An `ETag`; the range is sent only if the file still has it, the whole file otherwise.",
    "If-None-Match": "An `ETag`; the response is 304 if the file still has it.",
    "Stripe-Signature": "Time and signatures of the event: `t=…,v1=…`.",
    "Tus-Resumable": "Version of the tus protocol: `1.0.0`.",
    "Upload-Length": "Size of the file, in bytes.",
    "Upload-Metadata": "Keys with base 64 values: `filename Ym9hdC5tcDQ=,filetype dmlkZW8vbXA0`.",
    "Upload-Offset": "Position of the first byte sent, which must equal the number of bytes received so far.",
    "Last-Event-ID": "Id of the last event received; the stream starts with what has changed since.",
}

RESPONSE_HEADERS = {
    "X-Request-Id": "Id of the request, also found in the server's log.",
    "RateLimit-Policy": "Rate limits that apply to the request (IETF draft).",
    "RateLimit": "Remaining requests of each limit.",
    "Retry-After": "Seconds to wait before the next request.",
    "WWW-Authenticate": "Authentication scheme to use.",
    "Location": "Path of the new object.",
    "Tus-Resumable": "Version of the tus protocol.",
    "Upload-Expires": "Time at which the upload is deleted.",
    "Upload-Length": "Size of the file, in bytes.",
    "Upload-Metadata": "Metadata given when the upload was created.",
    "Upload-Offset": "Number of bytes received so far.",
}

RATE_LIMITED = ("X-Request-Id", "RateLimit-Policy", "RateLimit")  # headers of responses that count towards a limit

FIELDS = {
    "id": "Unique identifier.",
    "object": "Type of the object.",
    "created_at": "Time of creation, in Unix seconds.",
    "updated_at": "Time of the last change, in Unix seconds.",
}
"""Descriptions of fields that mean the same in every object; a Struct describes them only where they differ."""
