"""Stripe's events and where they are sent, and the meter that counts usage, as far as we read them."""

from __future__ import annotations

from msgspec import Struct


class ReceivedEvent(Struct, frozen=True):
    """The envelope of an event of either form. `type` is without the prefix `v1.`."""

    id: str
    type: str
    object_type: str
    object_id: str
    occurred_at: int
    thin: bool = False


class _EventObject(Struct, frozen=True):
    object: str
    id: str = ""


class _EventData(Struct, frozen=True):
    object: _EventObject


class SnapshotEvent(Struct, frozen=True, tag_field="object", tag="event"):
    """An event that carries its object as it was then, of which we read the id alone."""

    id: str
    type: str
    created: int
    data: _EventData

    def to_received_event(self) -> ReceivedEvent:
        """The envelope alone."""
        about = self.data.object
        return ReceivedEvent(self.id, self.type, about.object, about.id, self.created)


class _RelatedObject(Struct, frozen=True):
    id: str
    type: str


class ThinEvent(Struct, frozen=True, tag_field="object", tag="v2.core.event"):
    """An event that only names its object. `created` is an ISO time."""

    id: str
    type: str
    created: str
    related_object: _RelatedObject | None = None


class MeterEvent(Struct, frozen=True):
    """Usage that was reported."""

    identifier: str
    timestamp: int


class Meter(Struct, frozen=True):
    """A meter, which counts the usage events of one name."""

    id: str
    event_name: str
    status: str


class MeterSummary(Struct, frozen=True):
    """The sum that a meter counted in a span of time."""

    aggregated_value: float
    start_time: int
    end_time: int


class _SampleRequest(Struct, frozen=True):
    identifier: str


class MeterSampleError(Struct, frozen=True):
    """One usage event that was not counted, and why."""

    error_message: str
    request: _SampleRequest


class MeterErrorType(Struct, frozen=True):
    """Events that were not counted for one reason; only some are named."""

    code: str
    error_count: int
    sample_errors: list[MeterSampleError]


class _ErrorReason(Struct, frozen=True):
    error_count: int
    error_types: list[MeterErrorType]


class _ErrorData(Struct, frozen=True):
    reason: _ErrorReason
    developer_message_summary: str = ""


class MeterErrorReport(Struct, frozen=True):
    """A report of usage events that were not counted."""

    id: str
    data: _ErrorData

    @property
    def error_types(self) -> list[MeterErrorType]:
        """The reasons, each with samples."""
        return self.data.reason.error_types


class WebhookEndpoint(Struct, frozen=True):
    """A target of snapshot events; `secret` is present only in the answer to its creation."""

    id: str
    url: str
    status: str
    enabled_events: list[str]
    secret: str | None = None


class _DestinationAddress(Struct, frozen=True):
    signing_secret: str | None = None


class EventDestination(Struct, frozen=True):
    """A target of thin events; the secret is present only in the answer to its creation."""

    id: str
    status: str
    enabled_events: list[str]
    webhook_endpoint: _DestinationAddress | None = None
    metadata: dict[str, str] | None = None

    @property
    def signing_secret(self) -> str | None:
        """The signing secret."""
        return self.webhook_endpoint.signing_secret if self.webhook_endpoint else None
