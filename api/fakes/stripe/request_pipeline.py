"""The pipeline of every API request: credentials, injected faults, idempotency and one transaction.

An ASGI application. Due actions run first, so that no response shows an outdated state.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send

from api.fakes.stripe import due_actions, errors, expand, forms, idempotency, routes
from api.fakes.stripe.account import VERSION, RequestContext, StripeAccount, new_id, strip_private_members
from api.fakes.stripe.errors import Json, StripeError
from api.fakes.stripe.faults import FaultRule, FaultRules
from api.fakes.stripe.idempotency import IdempotencyKeys, StoredResponse
from api.fakes.stripe.params import Params
from api.fakes.stripe.protocol import ABORT_SCOPE_KEY


class ConnectionCutError(Exception):
    """The connection is to be reset without a response."""


@dataclass(slots=True)
class ApiRequest:
    """A parsed request."""

    method: str
    path: str
    headers: dict[str, str]
    params: Json
    request_id: str = field(default_factory=lambda: new_id("req_", 14))

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key; only POST requests have one."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def is_v2(self) -> bool:
        """Whether the request is for version 2 of the API, which does not store failures for a key."""
        return self.path.startswith("/v2/")


@dataclass(slots=True)
class ApiResponse:
    status: int
    body: bytes
    headers: dict[str, str]


class StripeApi:
    """The API as an ASGI application."""

    def __init__(self, account: StripeAccount, key: str, faults: FaultRules, on_activity: Callable[[], None]) -> None:
        """`key` is the account's secret key; `on_activity` is called when something may have become due."""
        self._account, self._key, self._faults, self._on_activity = account, key, faults, on_activity
        self._keys = IdempotencyKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request, or reset its connection."""
        request = _read_request(scope, await _read_body(receive))
        try:
            response = await self.respond(request)
        except ConnectionCutError:
            scope[ABORT_SCOPE_KEY]()  # type: ignore[literal-required]
            return
        finally:
            self._on_activity()
        headers = [(b"content-type", b"application/json"), (b"request-id", request.request_id.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body, "more_body": False})

    async def respond(self, request: ApiRequest) -> ApiResponse:
        """Raises ConnectionCutError."""
        try:
            self._check_credentials(request)
            if request.idempotency_key is None:
                return await self._execute_with_faults(request)
            stored = self._keys.begin_request(
                self._account, request.idempotency_key, request.method, request.path, request.params
            )
        except StripeError as error:
            return _error_response(error, request)
        if stored is not None:
            replay_headers = {"Idempotent-Replayed": "true", "Original-Request": stored.request_id}
            return ApiResponse(
                stored.status, stored.body, {**replay_headers, "Idempotency-Key": request.idempotency_key}
            )
        try:
            return await self._execute_with_faults(request)
        finally:
            self._keys.end_request(request.idempotency_key)

    def _check_credentials(self, request: ApiRequest) -> None:
        api_key = _read_api_key(request.headers.get("authorization", ""))
        if api_key != self._key:
            raise errors.invalid_api_key(api_key)
        version = request.headers.get("stripe-version", VERSION)
        if version != VERSION:
            raise errors.invalid_request(f"This fake Stripe speaks version {VERSION} only, not {version}.")

    async def _execute_with_faults(self, request: ApiRequest) -> ApiResponse:
        """Execute the request, with injected faults before and after the commit."""
        rule = self._faults.pick_fault(f"{request.method} {request.path}")
        kind = "" if rule is None else rule.kind
        if rule is not None and kind in ("409", "429"):
            error = errors.lock_timeout() if kind == "409" else errors.rate_limited()
            error.headers = rule.response_headers()
            return _error_response(error, request)
        if rule is not None:
            await _inject_fault_before(rule)
        if kind == "500_before":
            response = self._store_for_replay(request, _error_response(errors.internal_error(), request))
        else:
            response = self._run_transaction(request, fails=kind == "500_after")
        if rule is not None:
            await _inject_fault_after(rule)
            response.headers |= rule.response_headers()
        return response

    def _run_transaction(self, request: ApiRequest, *, fails: bool = False) -> ApiResponse:
        """Execute in one transaction; `fails` commits all work and responds with a 500 all the same."""
        due_actions.run_due_actions(self._account)
        self._account.request_context = RequestContext(request.request_id, request.idempotency_key)
        try:
            with self._account.store.transaction():
                status, body, headers = self._call_route(request)
                if fails:
                    failure = _error_response(errors.internal_error(), request)
                    status, body, headers = failure.status, failure.body, failure.headers
                return self._store_for_replay(request, ApiResponse(status, body, headers))
        except StripeError as error:
            response = _error_response(error, request)
            return self._store_for_replay(request, response) if error.begun else response
        except Exception:  # noqa: BLE001 - any error here is a bug of this fake, and Stripe would respond with 500
            traceback.print_exc()
            return self._store_for_replay(request, _error_response(errors.internal_error(), request))

    def _call_route(self, request: ApiRequest) -> tuple[int, bytes, dict[str, str]]:
        try:
            result = self._run_handler(request)
        except StripeError as error:
            if not error.keeps_work:
                raise
            refusal = _error_response(error, request)
            return refusal.status, refusal.body, refusal.headers
        return HTTPStatus.OK, msgspec.json.encode(result), {"Stripe-Version": VERSION}

    def _run_handler(self, request: ApiRequest) -> Json:
        handler, ids = routes.match_route(request.method, request.path)
        params = Params(request.params)
        paths = params.string_list("expand") or []
        # Stripe's library counts with it how it is used, and sends it along when it follows a thin event.
        params.ignore_params("usage")
        result = handler(self._account, params, *ids)
        if unread := params.unread_names():
            raise errors.unknown_parameters(unread)
        result = strip_private_members(result)
        if result.get("object") == "list":
            result["data"] = [strip_private_members(row) for row in result["data"]]
        return expand.expand_paths(self._account, result, paths)

    def _store_for_replay(self, request: ApiRequest, response: ApiResponse) -> ApiResponse:
        if request.idempotency_key is None or (request.is_v2 and response.status >= HTTPStatus.BAD_REQUEST):
            return response
        fingerprint = idempotency.request_fingerprint(request.method, request.path, request.params)
        idempotency.store_response(
            self._account,
            request.idempotency_key,
            fingerprint,
            StoredResponse(response.status, response.body, request.request_id),
        )
        response.headers["Idempotency-Key"] = request.idempotency_key
        return response


async def _inject_fault_before(rule: FaultRule) -> None:
    if rule.kind in ("slow", "timeout_before"):
        await asyncio.sleep(rule.seconds)
    if rule.kind in ("reset_before", "timeout_before"):
        raise ConnectionCutError


async def _inject_fault_after(rule: FaultRule) -> None:
    if rule.kind == "timeout_after":
        await asyncio.sleep(rule.seconds)
    if rule.kind in ("reset_after", "timeout_after"):
        raise ConnectionCutError


def _error_response(error: StripeError, request: ApiRequest) -> ApiResponse:
    url = f"https://dashboard.stripe.com/test/logs/{request.request_id}"
    body = {"error": {**error.body["error"], "request_log_url": url}}
    return ApiResponse(error.status, msgspec.json.encode(body), {**error.headers, "Stripe-Version": VERSION})


def _read_api_key(header: str) -> str | None:
    """The key of a request, from bearer or as the user of basic authentication."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _read_body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message: Any = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    return b"".join(parts)


def _read_request(scope: Scope, body: bytes) -> ApiRequest:
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    params = forms.decode_form(scope["query_string"].decode())
    if headers.get("content-type", "").startswith("application/json"):
        params |= msgspec.json.decode(body, type=Json) if body else {}
    else:
        params |= forms.decode_form(body.decode())
    return ApiRequest(str(scope["method"]), scope["raw_path"].decode().partition("?")[0], headers, params)  # type: ignore[typeddict-item]
