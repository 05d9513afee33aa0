"""Every problem Kinora answers with, as a class. Knows nothing of HTTP frameworks.

    Problem
    ├── Malformed                400  the body could not be read at all
    │   └── InvalidSignature              a webhook that nobody we know has signed
    ├── Unauthorized             401  no, wrong or expired credentials
    ├── PaymentRequired          402
    │   ├── InsufficientCredits       what it costs, what is there, where to upgrade
    │   └── CardDeclined              the bank said no: why, and where another card is entered
    ├── Forbidden                403
    │   ├── PlanLimit                 the plan's limit, by name
    │   ├── UploadLimit               more uploads than one may have at once
    │   └── MissingScope              the API key may not do this
    ├── NotFound                 404  also somebody else's things
    │   ├── NotOfferedYet                    of OpenAI's API, and not offered here so far
    │   ├── StreamNotFound                  there is none, and where the media is
    │   └── BillingDisabled               whoever runs this server has set no key of Stripe's
    ├── MethodNotAllowed         405
    ├── Conflict                 409
    │   ├── NotReady                  the clip is still being made
    │   ├── VideoHasFailed                 there is no clip and there will be none
    │   ├── VideoWasCancelled              the same, because somebody stopped it
    │   ├── RequestInProgress              the first request with this Idempotency-Key is not done
    │   ├── WrongOffset               the bytes do not go on where the upload ends
    │   ├── UploadNotReady            some of its bytes are missing, or it is being looked at
    │   ├── EmailTaken
    │   ├── AlreadySubscribed                there is a subscription already: change that one
    │   ├── NotSubscribed             there is none to change
    │   ├── SubscriptionUnpaid        it is not paid for, yet or any more
    │   └── PreviewExpired             the price shown no longer holds
    ├── Expired                  410  media past its retention
    ├── UnsupportedVersion       412  of the tus protocol
    ├── PayloadTooLarge          413
    ├── UnsupportedMediaType     415
    ├── RangeNotSatisfiable      416
    ├── Invalid                  422  a field and the limit it breaks
    │   └── IdempotencyKeyReused                 the Idempotency-Key came with another request
    ├── Locked                   423  another request is writing to it
    ├── TooManyRequests          429  with Retry-After
    ├── Internal                 500  ours; the request id finds it in the log
    │   └── PaymentRequestRejected           Stripe will not do what we ask of it
    └── Unavailable              503  with Retry-After
        ├── PaymentsUnavailable              Stripe does not answer, or is in trouble
        └── WebhookClosed             no secret is set to know Stripe's events by

A problem's body is RFC 9457's, plus the `error` member that OpenAI's clients read.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Problem(Exception):
    """An answer that is not a success. `detail` is for the reader, `param` names the field at fault."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"
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
        """The problem document. `instance` is the request's id."""
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
    status, code, title, kind = 400, "malformed", "The request could not be read", "invalid_request_error"


class InvalidSignature(Malformed):
    code, title = "bad_signature", "Not signed by anybody known"


class Unauthorized(Problem):
    status, code, title, kind = 401, "unauthorized", "Sign in first", "authentication_error"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="kinora"'}, **extra)


class PaymentRequired(Problem):
    status, code, title, kind = 402, "payment_required", "Something is to be paid first", "insufficient_quota"


class InsufficientCredits(PaymentRequired):
    code, title = "insufficient_credits", "Not enough credits"

    def __init__(self, cost: int, available: int) -> None:
        super().__init__(
            f"This costs {cost} credits and {available} are available. "
            "GET /v1/billing/balance says when the allowance is renewed.",
            cost=cost,
            available=available,
            upgrade="/v1/billing/plans",
        )


class CardDeclined(PaymentRequired):
    """`reason` is the bank's word for it, as `insufficient_funds`; `invoice` a page where it can be paid after all."""

    code, title = "card_declined", "The payment did not go through"

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
    code, title = "plan_limit", "Above your plan's limit"


class UploadLimit(Forbidden):
    code, title = "upload_limit", "More uploads than you may have at once"


class MissingScope(Forbidden):
    code, title = "missing_scope", "This API key may not do that"


class NotFound(Problem):
    status, code, title, kind = 404, "not_found", "There is no such thing", "invalid_request_error"


class NotOfferedYet(NotFound):
    code, title = "not_offered_yet", "Not offered here yet"


class StreamNotFound(NotFound):
    code, title = "no_stream", "There is no stream of this"


class BillingDisabled(NotFound):
    code, title = "nothing_sold", "This server sells nothing"


class MethodNotAllowed(Problem):
    status, code, title, kind = 405, "method_not_allowed", "Not with this method", "invalid_request_error"


class Conflict(Problem):
    status, code, title, kind = 409, "conflict", "Not in this state", "invalid_request_error"


class NotReady(Conflict):
    code, title = "not_ready", "The clip is not ready"


class VideoHasFailed(Conflict):
    code, title = "video_failed", "The video has failed"


class VideoWasCancelled(Conflict):
    code, title = "video_cancelled", "The video was cancelled"


class RequestInProgress(Conflict):
    code, title = "idempotency_in_progress", "The first request with this key is still running"


class WrongOffset(Conflict):
    code, title = "wrong_offset", "The upload ends elsewhere"


class UploadNotReady(Conflict):
    code, title = "upload_not_ready", "The upload is not ready"


class EmailTaken(Conflict):
    code, title = "email_taken", "There is an account with this address"


class AlreadySubscribed(Conflict):
    code, title = "already_subscribed", "There is a subscription already"


class NotSubscribed(Conflict):
    code, title = "not_subscribed", "There is no subscription"


class SubscriptionUnpaid(Conflict):
    code, title = "subscription_unpaid", "The plan is not paid for"


class PreviewExpired(Conflict):
    code, title = "preview_too_old", "The price shown no longer holds"


class Expired(Problem):
    status, code, title, kind = 410, "expired", "The media is no longer kept", "invalid_request_error"


class UnsupportedVersion(Problem):
    status, code, title, kind = 412, "unsupported_version", "Not a version spoken here", "invalid_request_error"


class PayloadTooLarge(Problem):
    status, code, title, kind = 413, "payload_too_large", "The body is too large", "invalid_request_error"


class UnsupportedMediaType(Problem):
    status, code, title, kind = 415, "unsupported_media_type", "Not a content type read here", "invalid_request_error"


class RangeNotSatisfiable(Problem):
    status, code, title, kind = 416, "range_not_satisfiable", "Outside the file", "invalid_request_error"


class Invalid(Problem):
    status, code, title, kind = 422, "invalid", "A field does not fit", "invalid_request_error"


class IdempotencyKeyReused(Invalid):
    code, title = "idempotency_key_reused", "The key came with another request"


class Locked(Problem):
    status, code, title, kind = 423, "locked", "Another request is writing to this", "invalid_request_error"


class TooManyRequests(Problem):
    status, code, title, kind = 429, "rate_limited", "Too many requests", "rate_limit_error"


class Internal(Problem):
    """The default: a fault of ours. The detail never carries what went wrong inside."""


class PaymentRequestRejected(Internal):
    """`reason` and `stripe_code` are for the log and for whoever called, never for the answer."""

    code = "payments_refused"

    def __init__(self, reason: str = "", *, stripe_code: str = "", **extra: Any) -> None:
        super().__init__(**extra)
        self.reason = reason
        self.stripe_code = stripe_code

    def __str__(self) -> str:
        return self.reason or super().__str__()


class Unavailable(Problem):
    status, code, title, kind = 503, "unavailable", "Not just now", "server_error"


class PaymentsUnavailable(Unavailable):
    """Whoever asks again goes on where this stopped: nothing is bought twice."""

    code, title = "payments_away", "Payments do not answer just now"


class WebhookClosed(Unavailable):
    code, title = "webhook_closed", "This endpoint is closed"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        reason = "This endpoint is closed until KINORA_STRIPE_WEBHOOK_SECRETS has its signing secret."
        super().__init__(detail or reason, **extra)
