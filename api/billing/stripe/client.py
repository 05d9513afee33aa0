"""The client of Stripe's library: requests, errors and idempotent creation. Only `transport` imports it besides.

Reading is in `reads`; creating and changing is in `customers`, `checkout_sessions`, `subscriptions`, `meters` and
`provision`. Importing the library takes a fifth of a second, so the first call does it, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from api.billing.stripe.objects import StripePrice
from api.billing.stripe.transport import create_transport, pause_seconds
from api.errors import BillingDisabled, CardDeclined, Invalid, PaymentRequestRejected, PaymentsUnavailable, Problem
from api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe import HTTPClient, StripeClient, StripeError
    from stripe._request_options import RequestOptions

T = TypeVar("T")

LIBRARY_RETRIES = 3
"""How often the library itself sends a request again, under the same idempotency key."""
TIMEOUT = 20.0
"""Seconds for one request."""
RESOURCE_MISSING = "resource_missing"
"""Stripe's error code for an object that the account does not have."""
CREATE_RETRIES = 4
"""How often a creation is tried again after the library has given up, before the caller has to come back."""
CREATE_TIMEOUT = 60.0
"""Seconds for one creation with all its tries; a later request with the same key continues where it stopped."""
FIRST_PAUSE = 0.5
"""Seconds before the first further try; each pause is twice the one before, up to LONGEST_PAUSE of `transport`."""
PAGE_SIZE = 100
RETURN_URL_PARAMS = ("success_url", "cancel_url", "return_url")
"""Parameters that are passed on as the caller sent them, so that Stripe's error about them is the caller's."""

log = structlog.get_logger()

Call = Callable[["StripeClient"], Awaitable[Any]]


async def none_if_missing(request: Awaitable[T]) -> T | None:
    """The result of a request, or None where the account does not have the object. Raises all other errors."""
    try:
        return await request
    except PaymentRequestRejected as refusal:
        if refusal.stripe_code != RESOURCE_MISSING:
            raise
        return None


class Stripe:
    """The Stripe account that sells; one for each process, closed at its end.

    Every method, and every function that takes a `Stripe`, raises PaymentsUnavailable when Stripe cannot be reached
    or fails, PaymentRequestRejected when it rejects the request, CardDeclined when a bank declined, and BillingDisabled
    without a key. `pause` replaces FIRST_PAUSE in tests.
    """

    def __init__(self, settings: Settings, *, pause: float = FIRST_PAUSE, timeout: float = TIMEOUT) -> None:
        self._settings = settings
        self._pause = pause
        self._timeout = timeout
        self._connecting: asyncio.Future[tuple[StripeClient, HTTPClient]] | None = None
        self.prices: dict[str, StripePrice] = {}
        """Prices that were read, by id: what a price costs and stands for never changes."""
        self.meter_id: str | None = None
        """Id of the overage meter once it was read."""

    @property
    def has_key(self) -> bool:
        """True if a key is set, so that something is sold here."""
        return bool(self._settings.stripe_key)

    async def close(self) -> None:
        """Close the connections."""
        if self._connecting is not None:
            _, transport = await self._connecting
            await transport.close_async()

    async def _client(self) -> StripeClient:
        if not self.has_key:
            raise BillingDisabled("This server has no KINORA_STRIPE_KEY, so nothing is sold here.")
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(asyncio.to_thread(self._connect))
        client, _ = await asyncio.shield(self._connecting)
        return client

    def _connect(self) -> tuple[StripeClient, HTTPClient]:
        from stripe import StripeClient

        url = self._settings.stripe_url.rstrip("/")
        transport = create_transport(self._pause, self._timeout, use_proxy=not url)
        client = StripeClient(
            self._settings.stripe_key,
            max_network_retries=LIBRARY_RETRIES,
            http_client=transport,
            base_addresses={"api": url, "files": url, "connect": url, "meter_events": url} if url else None,
        )
        return client, transport

    async def request(self, call: Call, shape: type[T]) -> T:
        """Make one request and convert the answer to `shape`."""
        client = await self._client()
        with _converted_errors():
            return _convert(await call(client), shape)

    async def request_without_answer(self, call: Call) -> None:
        """Make one request whose answer is not needed."""
        client = await self._client()
        with _converted_errors():
            await call(client)

    async def list_all(self, call: Call, shape: type[T]) -> AsyncIterator[T]:
        """Every element of a list, over as many requests as it has pages."""
        client = await self._client()
        with _converted_errors():
            async for element in (await call(client)).auto_paging_iter():
                yield _convert(element, shape)

    async def create_once(
        self,
        key: str,
        find: Callable[[], Awaitable[T | None]],
        create: Callable[[StripeClient, RequestOptions], Awaitable[Any]],
        shape: type[T],
    ) -> T:
        """Create an object exactly once for `key`, however many callers ask, how often, and whatever goes wrong.

        Stripe repeats the first answer to a repeated idempotency key, even a 500 that followed the creation. So a key
        is tried until its answer is final: a success, or a 500 that Stripe replays. Only then, and only if `find` does
        not see the object, is the next key tried (`key:1`, `key:2`, …). As a key's final answer is the same for all
        callers, concurrent ones take the same path, and no two keys ever create an object each.
        """
        client = await self._client()

        async def create_with_key(options: RequestOptions) -> T:
            return _convert(await create(client, options), shape)

        try:
            async with asyncio.timeout(CREATE_TIMEOUT):
                return await self._try_keys(key, find, create_with_key)
        except TimeoutError as error:
            raise PaymentsUnavailable from error

    async def _try_keys(
        self, key: str, find: Callable[[], Awaitable[T | None]], create: Callable[[RequestOptions], Awaitable[T]]
    ) -> T:
        attempt, failures = 1, 0
        while True:
            try:
                return await create({"idempotency_key": f"{key}:{attempt}"})
            except _stripe_error() as error:
                if (created := await _find_after_failure(error, find)) is not None:
                    return created
                if _is_replayed(error):
                    attempt += 1
                    continue
                if failures == CREATE_RETRIES:
                    raise PaymentsUnavailable from error
            await asyncio.sleep(pause_seconds(self._pause, failures))
            failures += 1


async def _find_after_failure(error: StripeError, find: Callable[[], Awaitable[T | None]]) -> T | None:
    """The object, if the failed request may have created it and did. Raises the problem if it was rejected."""
    if not _is_outcome_unknown(error):
        raise _to_problem(error) from error
    return await find()


def _convert(answer: Any, shape: type[T]) -> T:
    """Convert Stripe's object to our Struct. A failure means that Stripe's API changed and we have not followed."""
    try:
        return msgspec.convert(answer.to_dict(), shape)
    except msgspec.ValidationError as error:
        raise PaymentRequestRejected(f"Stripe answered what we do not read: {error}") from error


# -- errors -------------------------------------------------------------------------------------------------


def _stripe_error() -> type[StripeError]:
    from stripe import StripeError

    return StripeError


@contextmanager
def _converted_errors() -> Iterator[None]:
    """Raise the library's exceptions as ours."""
    try:
        yield
    except _stripe_error() as error:
        raise _to_problem(error) from error


def _is_outcome_unknown(error: StripeError) -> bool:
    """True if the request may or may not have been carried out, or may yet be."""
    return error.http_status is None or error.http_status in (409, 429) or error.http_status >= 500


def _is_replayed(error: StripeError) -> bool:
    """True if Stripe will give this answer to the idempotency key from now on."""
    return error.headers is not None and error.headers.get("idempotent-replayed") == "true"


def _to_problem(error: StripeError) -> Problem:
    """The problem to answer with. Stripe's request id goes to the log: their support asks for it."""
    code = error.code or ""
    if code != RESOURCE_MISSING:  # that is an answer
        log.warning(
            "stripe_error",
            status=error.http_status,
            code=code,
            stripe_request_id=error.request_id,
            error=type(error).__name__,
        )
    if error.http_status == 402:
        decline_code = error.error.decline_code if error.error else None
        return CardDeclined(error.user_message or "", reason=decline_code or code or None)
    if error.http_status == 400 and getattr(error, "param", None) in RETURN_URL_PARAMS:
        return Invalid(error.user_message or "", param=error.param)  # type: ignore[attr-defined]
    return PaymentsUnavailable() if _is_outcome_unknown(error) else PaymentRequestRejected(str(error), stripe_code=code)
