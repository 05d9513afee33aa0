"""Webhooks: whether a message is the server's, by the Standard Webhooks scheme, and what it says.

The signature is an HMAC-SHA256 over `id.timestamp.body`, in base 64, under a secret `whsec_…`. A header may carry
several, while a secret is being replaced.
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

TOLERANCE = 300.0  # seconds that a message may be old, or ahead of our clock


class WebhookEvent(NamedTuple):
    """A verified message. `type` is such as `video.completed`; `video` is there for the events of videos."""

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]
    video: Video | None


def verify_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, *, tolerance: float = TOLERANCE
) -> WebhookEvent:
    """The message, if it is the server's. `body` must be the bytes as they came. Raises WebhookError."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, sent, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        moment = float(int(sent))
    except (KeyError, ValueError, OverflowError) as error:
        raise WebhookError("The headers webhook-id, webhook-timestamp and webhook-signature must be there.") from error
    if abs(time.time() - moment) > tolerance:
        raise WebhookError(f"The message is dated more than {tolerance:g} seconds from now.")
    expected = b"v1," + b64encode(hmac.digest(_key(secret), _bytes(f"{message_id}.{sent}.") + body, sha256))
    if not any(hmac.compare_digest(expected, _bytes(one)) for one in signatures.split()):
        raise WebhookError("The signature does not fit: the secret is another one, or the body is not as it was sent.")
    return _event(message_id, body)


def _bytes(text: str) -> bytes:
    """A header as bytes, whatever a forger put there: only ASCII may be compared as text."""
    return text.encode("utf-8", "replace")


def _key(secret: str) -> bytes:
    """The secret's bytes. None at all, as of a setting that is missing, would let anybody sign."""
    try:
        key = b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise WebhookError("A webhook secret is `whsec_` and base 64, as the server showed it.")
    return key


def _event(message_id: str, body: bytes) -> WebhookEvent:
    from kinora.types import Video

    try:
        event = msgspec.json.decode(body, type=dict[str, Any])
        data = event["data"]
        video = msgspec.convert(data, Video) if data.get("object") == "video" else None
        return WebhookEvent(message_id, event["type"], event["timestamp"], data, video)
    except (msgspec.MsgspecError, KeyError, AttributeError) as error:
        raise WebhookError("The message is signed, but it is no event that this version can read.") from error
