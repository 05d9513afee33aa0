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
from api.fakes.stripe.protocol import ABORT


class HungUpError(Exception):
    """The connection is to be cut without an answer."""


@dataclass(slots=True)
class Asked:
    """One request, read."""

    method: str
    path: str
    headers: dict[str, str]
    values: Json
    ident: str = field(default_factory=lambda: new_id("req_", 14))

    @property
    def key(self) -> str | None:
        """Its idempotency key, where that means something."""
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def second(self) -> bool:
        """Whether it is for the second version of the API, which keeps no failures."""
        return self.path.startswith("/v2/")


@dataclass(slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str]


class Gate:
    """The API as one ASGI application."""

    def __init__(self, world: StripeAccount, key: str, faults: FaultRules, woken: Callable[[], None]) -> None:
        """`key` is the account's secret key; `woken` is called when something may have happened."""
        self._world, self._key, self._faults, self._woken = world, key, faults, woken
        self._keys = IdempotencyKeys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut the connection."""
        asked = _read(scope, await _body(receive))
        try:
            answer = await self.answer(asked)
        except HungUpError:
            scope[ABORT]()  # type: ignore[literal-required]
            return
        finally:
            self._woken()
        headers = [(b"content-type", b"application/json"), (b"request-id", asked.ident.encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def answer(self, asked: Asked) -> Answer:
        """The answer to a request. Raises HungUpError."""
        try:
            self._admit(asked)
            if asked.key is None:
                return await self._execute(asked)
            kept = self._keys.begin_request(self._world, asked.key, asked.method, asked.path, asked.values)
        except StripeError as error:
            return _refusal(error, asked)
        if kept is not None:
            again = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
            return Answer(kept.status, kept.body, {**again, "Idempotency-Key": asked.key})
        try:
            return await self._execute(asked)
        finally:
            self._keys.end_request(asked.key)

    def _admit(self, asked: Asked) -> None:
        presented = _presented(asked.headers.get("authorization", ""))
        if presented != self._key:
            raise errors.invalid_api_key(presented)
        version = asked.headers.get("stripe-version", VERSION)
        if version != VERSION:
            raise errors.invalid_request(f"This fake Stripe speaks version {VERSION} only, not {version}.")

    async def _execute(self, asked: Asked) -> Answer:
        """Do it, with what goes wrong before and after."""
        rule = self._faults.pick_fault(f"{asked.method} {asked.path}")
        kind = "" if rule is None else rule.kind
        if rule is not None and kind in ("409", "429"):
            error = errors.lock_timeout() if kind == "409" else errors.rate_limited()
            error.headers = rule.response_headers()
            return _refusal(error, asked)
        if rule is not None:
            await _before(rule)
        if kind == "500_before":
            answer = self._keep(asked, _refusal(errors.internal_error(), asked))
        else:
            answer = self._work(asked, fails=kind == "500_after")
        if rule is not None:
            await _after(rule)
            answer.headers |= rule.response_headers()
        return answer

    def _work(self, asked: Asked, *, fails: bool = False) -> Answer:
        """One transaction; `fails`: everything is done, and the answer is a 500 all the same."""
        due_actions.run_due_actions(self._world)
        self._world.request_context = RequestContext(asked.ident, asked.key)
        try:
            with self._world.store.transaction():
                status, body, headers = self._done(asked)
                if fails:
                    failure = _refusal(errors.internal_error(), asked)
                    status, body, headers = failure.status, failure.body, failure.headers
                return self._keep(asked, Answer(status, body, headers))
        except StripeError as error:
            answer = _refusal(error, asked)
            return self._keep(asked, answer) if error.begun else answer
        except Exception:  # noqa: BLE001 - whatever goes wrong here is this double's fault, and Stripe would answer 500
            traceback.print_exc()
            return self._keep(asked, _refusal(errors.internal_error(), asked))

    def _done(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        try:
            found = self._route(asked)
        except StripeError as error:
            if not error.keeps_work:
                raise
            refusal = _refusal(error, asked)
            return refusal.status, refusal.body, refusal.headers
        return HTTPStatus.OK, msgspec.json.encode(found), {"Stripe-Version": VERSION}

    def _route(self, asked: Asked) -> Json:
        handler, idents = routes.find(asked.method, asked.path)
        params = Params(asked.values)
        paths = params.texts("expand") or []
        # Stripe's library counts with it how it is used, and sends it along when it follows a thin event.
        params.ignore("usage")
        found = handler(self._world, params, *idents)
        if left := params.unread():
            raise errors.unknown_parameters(left)
        found = strip_private_members(found)
        if found.get("object") == "list":
            found["data"] = [strip_private_members(row) for row in found["data"]]
        return expand.expand_paths(self._world, found, paths)

    def _keep(self, asked: Asked, answer: Answer) -> Answer:
        if asked.key is None or (asked.second and answer.status >= HTTPStatus.BAD_REQUEST):
            return answer
        request = idempotency.request_fingerprint(asked.method, asked.path, asked.values)
        idempotency.store_response(
            self._world, asked.key, request, StoredResponse(answer.status, answer.body, asked.ident)
        )
        answer.headers["Idempotency-Key"] = asked.key
        return answer


async def _before(rule: FaultRule) -> None:
    if rule.kind in ("slow", "timeout_before"):
        await asyncio.sleep(rule.seconds)
    if rule.kind in ("reset_before", "timeout_before"):
        raise HungUpError


async def _after(rule: FaultRule) -> None:
    if rule.kind == "timeout_after":
        await asyncio.sleep(rule.seconds)
    if rule.kind in ("reset_after", "timeout_after"):
        raise HungUpError


def _refusal(error: StripeError, asked: Asked) -> Answer:
    url = f"https://dashboard.stripe.com/test/logs/{asked.ident}"
    body = {"error": {**error.body["error"], "request_log_url": url}}
    return Answer(error.status, msgspec.json.encode(body), {**error.headers, "Stripe-Version": VERSION})


def _presented(header: str) -> str | None:
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


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message: Any = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    return b"".join(parts)


def _read(scope: Scope, body: bytes) -> Asked:
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    values = forms.decode_form(scope["query_string"].decode())
    if headers.get("content-type", "").startswith("application/json"):
        values |= msgspec.json.decode(body, type=Json) if body else {}
    else:
        values |= forms.decode_form(body.decode())
    return Asked(str(scope["method"]), scope["raw_path"].decode().partition("?")[0], headers, values)  # type: ignore[typeddict-item]
