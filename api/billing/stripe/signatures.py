"""Verification of Stripe's webhook signatures, and the envelopes of events. Never reads the objects inside."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

import msgspec

from api.billing.stripe.event_objects import ReceivedEvent, SnapshotEvent, ThinEvent
from api.errors import InvalidSignature, Malformed

TOLERANCE = 300
"""Seconds by which a signature's time may differ from ours. Stripe's library accepts any future time; we do not."""


def verify_event(payload: bytes, header: str, secrets: Sequence[str], now: float) -> ReceivedEvent:
    """The event in a request's body, if it was signed with one of the secrets within five minutes of `now`.

    Raises InvalidSignature, and Malformed for a signed body that is no event.
    """
    time, signatures = _parse_header(header)
    if time is None or abs(now - int(time)) > TOLERANCE:
        raise InvalidSignature("The signature's time is missing, or more than five minutes from ours.")
    expected = [hmac.new(secret.encode(), time.encode() + b"." + payload, hashlib.sha256) for secret in secrets]
    if not any(hmac.compare_digest(digest.hexdigest(), signature) for digest in expected for signature in signatures):
        raise InvalidSignature("No signature fits. KINORA_STRIPE_WEBHOOK_SECRETS takes the endpoint's signing secret.")
    return parse_event(payload)


def _parse_header(header: str) -> tuple[str | None, list[str]]:
    """The time and the signatures of a header `t=…,v1=…,v1=…`."""
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t" and value.isascii() and value.isdigit()]
    signatures = [value for name, _, value in pairs if name == "v1" and value.isascii()]
    return (times[0] if times and len(times[0]) <= 15 else None), signatures


def parse_event(payload: bytes) -> ReceivedEvent:
    """The envelope of an event, which carries its object (snapshot) or only names it (thin)."""
    try:
        event = msgspec.json.decode(payload, type=SnapshotEvent | ThinEvent)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Malformed("The body is no event of Stripe's.") from error
    if isinstance(event, SnapshotEvent):
        return event.to_received_event()
    related = event.related_object
    created = int(datetime.fromisoformat(event.created).timestamp())
    return ReceivedEvent(
        id=event.id,
        type=event.type.removeprefix("v1."),
        object_type=related.type if related else "",
        object_id=related.id if related else "",
        occurred_at=created,
        thin=True,
    )
