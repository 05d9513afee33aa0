"""Every problem the API responds with, as a class. Knows nothing of HTTP frameworks.

    Problem
    ├── Malformed                   400  the body cannot be parsed
    │   └── InvalidSignature             a webhook without a valid signature
    ├── Unauthorized                401  missing, wrong or expired credentials
    ├── PaymentRequired             402
    │   ├── InsufficientCredits          carries the cost, the balance and where to upgrade
    │   └── CardDeclined                 carries the bank's reason and where to enter another card
    ├── Forbidden                   403
    │   ├── PlanLimit                    names the limit of the plan
    │   ├── UploadLimit                  too many unfinished uploads of one user
    │   └── MissingScope                 the API key lacks the scope
    ├── NotFound                    404  also for objects of other users
    │   ├── NotOfferedYet                part of OpenAI's API that is not implemented
    │   ├── StreamNotFound               the video has no stream; says where its media are
    │   └── BillingDisabled              the operator has configured no Stripe key
    ├── MethodNotAllowed            405
    ├── Conflict                    409
    │   ├── NotReady                     the video is still being generated
    │   ├── VideoHasFailed               the video has failed, so it has no media
    │   ├── VideoWasCancelled            the video was cancelled, so it has no media
    │   ├── RequestInProgress            the first request with this Idempotency-Key has not finished
    │   ├── WrongOffset                  the bytes do not start where the upload ends
    │   ├── UploadNotReady               bytes are missing, or the file is being checked
    │   ├── EmailTaken
    │   ├── AlreadySubscribed            the existing subscription must be changed instead
    │   ├── NotSubscribed
    │   ├── SubscriptionUnpaid           not paid yet, or no longer
    │   └── PreviewExpired               the quoted price is no longer valid
    ├── Expired                     410  media past its retention
    ├── UnsupportedVersion          412  of the tus protocol
    ├── PayloadTooLarge             413
    ├── UnsupportedMediaType        415
    ├── RangeNotSatisfiable         416
    ├── Invalid                     422  names the field and the limit it breaks
    │   └── IdempotencyKeyReused         the Idempotency-Key was used for another request
    ├── Locked                      423  another request is writing to the object
    ├── TooManyRequests             429  with Retry-After
    ├── Internal                    500  a fault of the server; the log has it under the request id
    │   └── PaymentRequestRejected       Stripe rejected a request of the server
    └── Unavailable                 503  with Retry-After
        ├── PaymentsUnavailable          Stripe is unreachable or fails
        └── WebhookClosed                no signing secret is set for Stripe's events

The body is that of RFC 9457, plus the `error` member that OpenAI's clients read.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Problem(Exception):
    """A response that is not a success. `detail` is a sentence for the user; `param` names the invalid field."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal server error"
    kind: ClassVar[str] = "server_error"

    def __init__(
        self, detail: str = "", *, param: str | None = None, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.param = param
        self.headers = headers or {}
        self.extra = extra

    def body(self, instance: str) -> dict[str, Any]:
        """The problem document. `instance` is the id of the request."""
        return {
            "type": f"urn:kinora:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "param": self.param,
            **self.extra,
            "error": {"message": self.detail, "type": self.kind, "param": self.param, "code": self.code},
        }


class Malformed(Problem):
    status, code, title, kind = 400, "malformed", "Malformed request", "invalid_request_error"


class InvalidSignature(Malformed):
    code, title = "bad_signature", "Invalid signature"


class Unauthorized(Problem):
    status, code, title, kind = 401, "unauthorized", "Authentication required", "authentication_error"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="kinora"'}, **extra)


class PaymentRequired(Problem):
    status, code, title, kind = 402, "payment_required", "Payment required", "insufficient_quota"


class InsufficientCredits(PaymentRequired):
    code, title = "insufficient_credits", "Not enough credits"

    def __init__(self, cost: int, available: int) -> None:
        super().__init__(
            f"This costs {cost} credits and {available} are available. "
            "See GET /v1/billing/balance for the next allowance.",
            cost=cost,
            available=available,
            upgrade="/v1/billing/plans",
        )


class CardDeclined(PaymentRequired):
    """`reason` is the bank's decline code, such as `insufficient_funds`; `invoice` is a page for paying it."""

    code, title = "card_declined", "Payment declined"

    def __init__(
        self, detail: str = "", *, reason: str | None = None, invoice: str | None = None, **extra: Any
    ) -> None:
        super().__init__(
            f"{detail or 'The bank declined the payment.'} POST /v1/billing/portal opens a page to enter another card.",
            reason=reason,
            invoice=invoice,
            portal="/v1/billing/portal",
            **extra,
        )


class Forbidden(Problem):
    status, code, title, kind = 403, "forbidden", "Not allowed", "permission_error"


class PlanLimit(Forbidden):
    code, title = "plan_limit", "Plan limit exceeded"


class UploadLimit(Forbidden):
    code, title = "upload_limit", "Too many uploads"


class MissingScope(Forbidden):
    code, title = "missing_scope", "Missing scope"


class NotFound(Problem):
    status, code, title, kind = 404, "not_found", "Not found", "invalid_request_error"


class NotOfferedYet(NotFound):
    code, title = "not_offered_yet", "Not implemented yet"


class StreamNotFound(NotFound):
    code, title = "no_stream", "No stream"


class BillingDisabled(NotFound):
    code, title = "nothing_sold", "Billing is disabled"


class MethodNotAllowed(Problem):
    status, code, title, kind = 405, "method_not_allowed", "Method not allowed", "invalid_request_error"


class Conflict(Problem):
    status, code, title, kind = 409, "conflict", "Conflict with the current state", "invalid_request_error"


class NotReady(Conflict):
    code, title = "not_ready", "The video is not ready"


class VideoHasFailed(Conflict):
    code, title = "video_failed", "The video has failed"


class VideoWasCancelled(Conflict):
    code, title = "video_cancelled", "The video was cancelled"


class RequestInProgress(Conflict):
    code, title = "idempotency_in_progress", "Request in progress"


class WrongOffset(Conflict):
    code, title = "wrong_offset", "Wrong upload offset"


class UploadNotReady(Conflict):
    code, title = "upload_not_ready", "The upload is not ready"


class EmailTaken(Conflict):
    code, title = "email_taken", "Email address already in use"


class AlreadySubscribed(Conflict):
    code, title = "already_subscribed", "Already subscribed"


class NotSubscribed(Conflict):
    code, title = "not_subscribed", "Not subscribed"


class SubscriptionUnpaid(Conflict):
    code, title = "subscription_unpaid", "Subscription unpaid"


class PreviewExpired(Conflict):
    code, title = "preview_too_old", "Price preview expired"


class Expired(Problem):
    status, code, title, kind = 410, "expired", "Media expired", "invalid_request_error"


class UnsupportedVersion(Problem):
    status, code, title, kind = 412, "unsupported_version", "Unsupported protocol version", "invalid_request_error"


class PayloadTooLarge(Problem):
    status, code, title, kind = 413, "payload_too_large", "Request body too large", "invalid_request_error"


class UnsupportedMediaType(Problem):
    status, code, title, kind = 415, "unsupported_media_type", "Unsupported content type", "invalid_request_error"


class RangeNotSatisfiable(Problem):
    status, code, title, kind = 416, "range_not_satisfiable", "Range not satisfiable", "invalid_request_error"


class Invalid(Problem):
    status, code, title, kind = 422, "invalid", "Invalid field", "invalid_request_error"


class IdempotencyKeyReused(Invalid):
    code, title = "idempotency_key_reused", "Idempotency key reused"


class Locked(Problem):
    status, code, title, kind = 423, "locked", "Locked by another request", "invalid_request_error"


class TooManyRequests(Problem):
    status, code, title, kind = 429, "rate_limited", "Too many requests", "rate_limit_error"


class Internal(Problem):
    """A fault of the server. The detail never reveals its cause."""


class PaymentRequestRejected(Internal):
    """`reason` and `stripe_code` are for the log and the caller, never for the response."""

    code = "payments_refused"

    def __init__(self, reason: str = "", *, stripe_code: str = "", **extra: Any) -> None:
        super().__init__(**extra)
        self.reason = reason
        self.stripe_code = stripe_code

    def __str__(self) -> str:
        return self.reason or super().__str__()


class Unavailable(Problem):
    status, code, title, kind = 503, "unavailable", "Temporarily unavailable", "server_error"


class PaymentsUnavailable(Unavailable):
    """Safe to retry: a repeated request continues where this one stopped and buys nothing twice."""

    code, title = "payments_away", "Payments are unavailable"


class WebhookClosed(Unavailable):
    code, title = "webhook_closed", "Webhook endpoint closed"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        reason = "This endpoint is closed until KINORA_STRIPE_WEBHOOK_SECRETS contains its signing secret."
        super().__init__(detail or reason, **extra)
