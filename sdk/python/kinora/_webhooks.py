"""Verifies webhooks by the Standard Webhooks scheme and decodes their events.

The signature is an HMAC-SHA256 over `id.timestamp.body`, in base 64, under a secret `whsec_…`. A header may carry
several signatures while a secret is being rotated.
"""

from __future__ import annotations

import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kinora._errors import WebhookError

if TYPE_CHECKING:
    from kinora.types import Video

TOLERANCE = 300.0  # seconds that a message may be old, or ahead of this clock


class WebhookEvent(NamedTuple):
    """A verified event. `type` is for example `video.completed`; `video` is set for events of videos."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]
    video: Video | None


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance: float = TOLERANCE
) -> WebhookEvent:
    """The event of a webhook. `body` must be the request body, byte for byte. Raises WebhookError."""
    lower_headers = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (
            lower_headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
        sent_at = float(int(timestamp))
    except (KeyError, ValueError, OverflowError) as error:
        raise WebhookError("The headers webhook-id, webhook-timestamp and webhook-signature are required.") from error
    if abs(time.time() - sent_at) > tolerance:
        raise WebhookError(f"The timestamp is more than {tolerance:g} seconds from now.")
    signed = _header_bytes(f"{message_id}.{timestamp}.") + body
    expected = b"v1," + b64encode(hmac.digest(_decode_secret(secret), signed, sha256))
    if not any(hmac.compare_digest(expected, _header_bytes(signature)) for signature in signatures.split()):
        raise WebhookError("The signature does not match: the secret is wrong, or the body was changed.")
    return _decode_event(message_id, body)


def _header_bytes(text: str) -> bytes:
    """A header as bytes, whatever it holds: `compare_digest` takes text only if it is ASCII."""
    return text.encode("utf-8", "replace")


def _decode_secret(secret: str) -> bytes:
    """The secret's bytes. With an empty secret, as of a missing setting, anybody could sign."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise WebhookError("A webhook secret is `whsec_` followed by base 64, as the server shows it.")
    return key


def _decode_event(message_id: str, body: bytes) -> WebhookEvent:
    from kinora.types import Video

    try:
        event = msgspec.json.decode(body, type=dict[str, Any])
        data = event["data"]
        video = msgspec.convert(data, Video) if data.get("object") == "video" else None
        return WebhookEvent(message_id, event["type"], event["timestamp"], data, video)
    except (msgspec.MsgspecError, KeyError, AttributeError) as error:
        raise WebhookError("The signature is valid, but this version cannot read the event.") from error
