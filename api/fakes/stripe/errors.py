"""Stripe's error responses as exceptions: `{error: {type, code, message, param, decline_code}}`.

`begun` says whether processing had begun: only then does Stripe store the response for the idempotency key.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""A Stripe object or a part of one."""


class StripeError(Exception):
    """An error response. `extra` holds members of the error object besides type, code, message and param.

    `keeps_work`: changes made before the error are committed, such as a payment attempt.
    """

    keeps_work = False

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        begun: bool = False,
        headers: dict[str, str] | None = None,
        extra: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.begun = begun
        self.headers = headers or {}
        named = {"code": code, "message": message, "param": param, "type": kind, **(extra or {})}
        self.body: Json = {"error": {name: value for name, value in named.items() if value is not None}}


def invalid_request(
    message: str, *, code: str | None = None, param: str | None = None, begun: bool = False
) -> StripeError:
    """400"""
    return StripeError(400, "invalid_request_error", message, code=code, param=param, begun=begun)


def missing_parameter(param: str) -> StripeError:
    """400"""
    return invalid_request(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown_parameters(names: list[str]) -> StripeError:
    """400: parameters that the route does not take, which Stripe rejects too."""
    s = "s" if len(names) > 1 else ""
    listed = ", ".join(names)
    return invalid_request(f"Received unknown parameter{s}: {listed}", code="parameter_unknown", param=names[0])


def not_found(kind: str, object_id: str, *, param: str | None = None) -> StripeError:
    """No such object: 404 where the path names it, 400 where a parameter does."""
    noun = kind.rpartition(".")[2].replace("_", " ")
    message = f"No such {noun}: '{object_id}'"
    status = 404 if param is None else 400
    return StripeError(status, "invalid_request_error", message, code="resource_missing", param=param or "id")


def unrecognized_url(method: str, path: str) -> StripeError:
    """404: no such URL, or one of Stripe's that this fake does not implement."""
    return StripeError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")


def invalid_api_key(key: str | None) -> StripeError:
    """401: no key, or not the account's."""
    if key is None:
        message = "You did not provide an API key. Provide it in the Authorization header, using Bearer auth."
    else:
        message = f"Invalid API Key provided: {key[:8]}{'*' * max(0, len(key) - 12)}{key[8:][-4:]}"
    return StripeError(401, "invalid_request_error", message)


def card_declined(code: str, decline_code: str, message: str, *, extra: Json | None = None) -> StripeError:
    """402"""
    details = {"decline_code": decline_code, **(extra or {})}
    return StripeError(402, "card_error", message, code=code, begun=True, extra=details)


def internal_error() -> StripeError:
    """500"""
    message = "An unknown error occurred"
    return StripeError(500, "api_error", message, begun=True)


def idempotency_key_reused(key: str) -> StripeError:
    """400: the key was first used with other parameters."""
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, "idempotency_error", message)


def idempotency_key_in_use(key: str) -> StripeError:
    """409: another request with this key is in progress."""
    message = f"There is currently another in-progress request using this Idempotent Key ({key})."
    return StripeError(409, "idempotency_error", message, code="idempotency_key_in_use")


def lock_timeout() -> StripeError:
    """409: another request is changing the object."""
    message = "This object cannot be accessed right now because another API request is currently accessing it."
    return StripeError(409, "invalid_request_error", message, code="lock_timeout")


def rate_limited() -> StripeError:
    """429"""
    return StripeError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")
