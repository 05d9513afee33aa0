"""What every request of the API passes: the key, the faults asked for, idempotency, and one transaction.

An ASGI application. Time that has passed is lived through first, so that no answer shows a state that is over.
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
    """The connection is to be cut without an answer."""


@dataclass(slots=True)
class ApiRequest:
    """One request, read."""

    method: str
    path: str
    headers: dict[str, str]
    params: Json
    request_id: str = field(default_factory=lambda: new_id("req_", 14))

    @property
    def idempotency_key(self) -> str | None:
        """Its idempotency key, where that means something."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def is_v2(self) -> bool:
        """Whether it is for the second version of the API, which keeps no failures."""
        return self.path.startswith("/v2/")


@dataclass(slots=True)
class ApiResponse:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str]


class StripeApi:
    """The API as one ASGI application."""

    def __init__(self, world: StripeAccount, key: str, faults: FaultRules, woken: Callable[[], None]) -> None:
        """`key` is the account's secret key; `woken` is called when something may have happened."""
        self._world, self._key, self._faults, self._on_activity = world, key, faults, woken
        self._keys = IdempotencyKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut the connection."""
        asked = _read_request(scope, await _read_body(receive))
        try:
            answer = await self.respond(asked)
        except ConnectionCutError:
            scope[ABORT_SCOPE_KEY]()  # type: ignore[literal-required]
            return
        finally:
            self._on_activity()
        headers = [(b"content-type", b"application/json"), (b"request-id", asked.request_id.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def respond(self, asked: ApiRequest) -> ApiResponse:
        """The answer to a request. Raises HungUpError."""
        try:
            self._check_credentials(asked)
            if asked.idempotency_key is None:
                return await self._execute_with_faults(asked)
            kept = self._keys.begin_request(self._world, asked.idempotency_key, asked.method, asked.path, asked.params)
        except StripeError as error:
            return _error_response(error, asked)
        if kept is not None:
            again = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
            return ApiResponse(kept.status, kept.body, {**again, "Idempotency-Key": asked.idempotency_key})
        try:
            return await self._execute_with_faults(asked)
        finally:
            self._keys.end_request(asked.idempotency_key)

    def _check_credentials(self, asked: ApiRequest) -> None:
        presented = _read_api_key(asked.headers.get("authorization", ""))
        if presented != self._key:
            raise errors.invalid_api_key(presented)
        version = asked.headers.get("stripe-version", VERSION)
        if version != VERSION:
            raise errors.invalid_request(f"This fake Stripe speaks version {VERSION} only, not {version}.")

    async def _execute_with_faults(self, asked: ApiRequest) -> ApiResponse:
        """Do it, with what goes wrong before and after."""
        rule = self._faults.pick_fault(f"{asked.method} {asked.path}")
        kind = "" if rule is None else rule.kind
        if rule is not None and kind in ("409", "429"):
            error = errors.lock_timeout() if kind == "409" else errors.rate_limited()
            error.headers = rule.response_headers()
            return _error_response(error, asked)
        if rule is not None:
            await _inject_fault_before(rule)
        if kind == "500_before":
            answer = self._store_for_replay(asked, _error_response(errors.internal_error(), asked))
        else:
            answer = self._run_transaction(asked, fails=kind == "500_after")
        if rule is not None:
            await _inject_fault_after(rule)
            answer.headers |= rule.response_headers()
        return answer

    def _run_transaction(self, asked: ApiRequest, *, fails: bool = False) -> ApiResponse:
        """One transaction; `fails`: everything is done, and the answer is a 500 all the same."""
        due_actions.run_due_actions(self._world)
        self._world.request_context = RequestContext(asked.request_id, asked.idempotency_key)
        try:
            with self._world.store.transaction():
                status, body, headers = self._call_route(asked)
                if fails:
                    failure = _error_response(errors.internal_error(), asked)
                    status, body, headers = failure.status, failure.body, failure.headers
                return self._store_for_replay(asked, ApiResponse(status, body, headers))
        except StripeError as error:
            answer = _error_response(error, asked)
            return self._store_for_replay(asked, answer) if error.begun else answer
        except Exception:  # noqa: BLE001 - whatever goes wrong here is this double's fault, and Stripe would answer 500
            traceback.print_exc()
            return self._store_for_replay(asked, _error_response(errors.internal_error(), asked))

    def _call_route(self, asked: ApiRequest) -> tuple[int, bytes, dict[str, str]]:
        try:
            found = self._run_handler(asked)
        except StripeError as error:
            if not error.keeps_work:
                raise
            refusal = _error_response(error, asked)
            return refusal.status, refusal.body, refusal.headers
        return HTTPStatus.OK, msgspec.json.encode(found), {"Stripe-Version": VERSION}

    def _run_handler(self, asked: ApiRequest) -> Json:
        handler, idents = routes.match_route(asked.method, asked.path)
        params = Params(asked.params)
        paths = params.string_list("expand") or []
        # Stripe's library counts with it how it is used, and sends it along when it follows a thin event.
        params.ignore_params("usage")
        found = handler(self._world, params, *idents)
        if left := params.unread_names():
            raise errors.unknown_parameters(left)
        found = strip_private_members(found)
        if found.get("object") == "list":
            found["data"] = [strip_private_members(row) for row in found["data"]]
        return expand.expand_paths(self._world, found, paths)

    def _store_for_replay(self, asked: ApiRequest, answer: ApiResponse) -> ApiResponse:
        if asked.idempotency_key is None or (asked.is_v2 and answer.status >= HTTPStatus.BAD_REQUEST):
            return answer
        request = idempotency.request_fingerprint(asked.method, asked.path, asked.params)
        idempotency.store_response(
            self._world, asked.idempotency_key, request, StoredResponse(answer.status, answer.body, asked.request_id)
        )
        answer.headers["Idempotency-Key"] = asked.idempotency_key
        return answer


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


def _error_response(error: StripeError, asked: ApiRequest) -> ApiResponse:
    url = f"https://dashboard.stripe.com/test/logs/{asked.request_id}"
    body = {"error": {**error.body["error"], "request_log_url": url}}
    return ApiResponse(error.status, msgspec.json.encode(body), {**error.headers, "Stripe-Version": VERSION})


def _read_api_key(header: str) -> str | None:
    """The key that a request brings, by bearer or as the user of basic authentication."""
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
    values = forms.decode_form(scope["query_string"].decode())
    if headers.get("content-type", "").startswith("application/json"):
        values |= msgspec.json.decode(body, type=Json) if body else {}
    else:
        values |= forms.decode_form(body.decode())
    return ApiRequest(str(scope["method"]), scope["raw_path"].decode().partition("?")[0], headers, values)  # type: ignore[typeddict-item]
