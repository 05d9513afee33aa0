"""Stripe: how we speak to it, and what we read there. The only file that imports its library.

What is written there is in `stripe_sales` and `stripe_sync`, by `Stripe.create_once`. Importing the library takes a
fifth of a second, so the first call does it, in a thread.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog

from api.billing.stripe import signatures
from api.billing.stripe.objects import (
    Charge,
    CheckoutSession,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Meter,
    MeterErrorReport,
    MeterEvent,
    MeterSummary,
    PaymentIntent,
    ReceivedEvent,
    Refund,
    SnapshotEvent,
    StripeCustomer,
    StripeList,
    StripePrice,
    StripeSubscription,
    SubscriptionSchedule,
)
from api.errors import CardDeclined, Invalid, NothingSold, PaymentsAway, PaymentsRefused, Problem
from api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe import HTTPClient, StripeClient, StripeError
    from stripe._request_options import RequestOptions

T = TypeVar("T")

METER = "kinora_overage_credits"
"""The name under which usage is reported."""
RETRIES = 3
"""How often the library itself sends a request again, under the same key."""
TIMEOUT = 20.0
"""Seconds for one request."""
MISSING = "resource_missing"
"""Stripe's word for what the account does not have."""
ROUNDS = 4
"""How often a creation is begun again after the library has given up, before the caller is told to come back."""
WITHIN = 60.0
"""Seconds for one creation with all its tries; whoever asks again goes on where it stopped."""
PAUSE, LONGEST_PAUSE = 0.5, 5.0
"""Seconds before the first further try, and before any: each pause is twice the one before."""
PAGE = 100
LANDINGS = ("success_url", "cancel_url", "return_url")
"""What of a request comes from its caller as it is: Stripe's word about it is for them."""

log = structlog.get_logger()

Call = Callable[["StripeClient"], Awaitable[Any]]


async def if_there(asked: Awaitable[T]) -> T | None:
    """What was asked for, or None where the account does not have it. Raises what the asking raises else."""
    try:
        return await asked
    except PaymentsRefused as refusal:
        if refusal.stripe_code != MISSING:
            raise
        return None


class Stripe:
    """The account that sells, one for each process; closed at its end.

    Every method raises PaymentsAway when Stripe cannot be reached or is in trouble, PaymentsRefused when it will not
    do what was asked, CardDeclined when a bank said no, and NothingSold where no key is set. `pause` is PAUSE for those
    who cannot wait.
    """

    def __init__(self, settings: Settings, *, pause: float = PAUSE, timeout: float = TIMEOUT) -> None:
        self._settings = settings
        self._pause = pause
        self._timeout = timeout
        self._connecting: asyncio.Future[tuple[StripeClient, HTTPClient]] | None = None
        self._prices: dict[str, StripePrice] = {}
        self._meter: str | None = None

    @property
    def open(self) -> bool:
        """Whether anything is sold here: a key is set."""
        return bool(self._settings.stripe_key)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._connecting is not None:
            _, transport = await self._connecting
            await transport.close_async()

    async def _client(self) -> StripeClient:
        if not self.open:
            raise NothingSold("Whoever runs this server has set no KINORA_STRIPE_KEY, so nothing is sold here.")
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(asyncio.to_thread(self._connect))
        client, _ = await asyncio.shield(self._connecting)
        return client

    def _connect(self) -> tuple[StripeClient, HTTPClient]:
        from stripe import StripeClient

        url = self._settings.stripe_url.rstrip("/")
        transport = _transport(self._pause, self._timeout, near=bool(url))
        client = StripeClient(
            self._settings.stripe_key,
            max_network_retries=RETRIES,
            http_client=transport,
            base_addresses={"api": url, "files": url, "connect": url, "meter_events": url} if url else None,
        )
        return client, transport

    async def ask(self, call: Call, shape: type[T]) -> T:
        """What one request answers, in our shape."""
        client = await self._client()
        with _problems():
            return _read(await call(client), shape)

    async def do(self, call: Call) -> None:
        """One request whose answer says nothing."""
        client = await self._client()
        with _problems():
            await call(client)

    async def pages(self, call: Call, shape: type[T]) -> AsyncIterator[T]:
        """Every element of a list, over as many requests as it takes."""
        client = await self._client()
        with _problems():
            async for one in (await call(client)).auto_paging_iter():
                yield _read(one, shape)

    async def create_once(
        self,
        key: str,
        find: Callable[[], Awaitable[T | None]],
        create: Callable[[StripeClient, RequestOptions], Awaitable[Any]],
        shape: type[T],
    ) -> T:
        """Make an object that is made once for this key, whoever asks for it, how often, and whatever goes wrong.

        Stripe answers a repeated key as the first time, even when that was a 500 after the object was made. So a
        key is tried until its answer is final: an answer, or a 500 that Stripe itself gives back from memory. Only
        then, and only if `find` does not see the object, is the next key tried. As a key's final answer is the same
        for all, everybody who asks at the same time goes the same way, and no two keys ever make an object each.
        """
        client, attempt, lost = await self._client(), 1, 0
        try:
            async with asyncio.timeout(WITHIN):
                while True:
                    options: RequestOptions = {"idempotency_key": f"{key}:{attempt}"}
                    try:
                        return _read(await create(client, options), shape)
                    except _stripe_error() as error:
                        if not _unclear(error):
                            raise _problem(error) from error
                        if (found := await find()) is not None:
                            return found
                        if _replayed(error):
                            attempt += 1
                            continue
                        if lost == ROUNDS:
                            raise PaymentsAway from error
                    await asyncio.sleep(_pause(self._pause, lost))
                    lost += 1
        except TimeoutError as error:
            raise PaymentsAway from error

    async def customer(self, customer_id: str) -> StripeCustomer:
        """A customer, deleted or not."""
        return await self.ask(lambda c: c.v1.customers.retrieve_async(customer_id), StripeCustomer)

    async def price(self, price_id: str) -> StripePrice:
        """A price. What it costs and stands for never changes, so each is asked for once."""
        if price_id not in self._prices:
            self._prices[price_id] = await self.ask(lambda c: c.v1.prices.retrieve_async(price_id), StripePrice)
        return self._prices[price_id]

    async def prices(self, lookup_keys: Sequence[str]) -> dict[str, StripePrice]:
        """The active prices under these keys, at most ten at a time."""
        found: dict[str, StripePrice] = {}
        for begin in range(0, len(lookup_keys), 10):
            some = list(lookup_keys[begin : begin + 10])
            page = await self.ask(
                lambda c, some=some: c.v1.prices.list_async({"lookup_keys": some, "active": True, "limit": PAGE}),  # type: ignore[misc]
                StripeList[StripePrice],
            )
            found |= {price.lookup_key: price for price in page.data if price.lookup_key}
        return found

    async def subscription(self, subscription_id: str) -> StripeSubscription:
        """A subscription as it is now."""
        return await self.ask(lambda c: c.v1.subscriptions.retrieve_async(subscription_id), StripeSubscription)

    async def subscriptions(self, customer: str) -> list[StripeSubscription]:
        """Every subscription a customer ever had, newest first."""
        found = self.pages(
            lambda c: c.v1.subscriptions.list_async({"customer": customer, "status": "all", "limit": PAGE}),
            StripeSubscription,
        )
        return [one async for one in found]

    async def schedule(self, schedule_id: str) -> SubscriptionSchedule:
        """What a subscription will be."""
        return await self.ask(lambda c: c.v1.subscription_schedules.retrieve_async(schedule_id), SubscriptionSchedule)

    async def session(self, session_id: str) -> CheckoutSession:
        """A checkout page."""
        return await self.ask(lambda c: c.v1.checkout.sessions.retrieve_async(session_id), CheckoutSession)

    async def sessions_of(self, payment_intent: str) -> list[CheckoutSession]:
        """The checkout page at which a payment was made, if it was made at one."""
        found = self.pages(
            lambda c: c.v1.checkout.sessions.list_async({"payment_intent": payment_intent, "limit": PAGE}),
            CheckoutSession,
        )
        return [one async for one in found]

    async def invoice(self, invoice_id: str) -> Invoice:
        """An invoice with all its lines and payments."""
        invoice = await self.ask(lambda c: c.v1.invoices.retrieve_async(invoice_id, {"expand": ["payments"]}), Invoice)
        if not invoice.lines.has_more:
            return invoice
        lines = self.pages(lambda c: c.v1.invoices.line_items.list_async(invoice_id, {"limit": PAGE}), InvoiceLine)
        return msgspec.structs.replace(invoice, lines=StripeList([line async for line in lines]))

    async def invoice_of(self, payment_intent: str) -> Invoice | None:
        """The invoice that a payment is for; None for a payment of a pack."""
        page = await self.ask(
            lambda c: c.v1.invoice_payments.list_async(
                {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}
            ),
            StripeList[InvoicePayment],
        )
        return await self.invoice(page.data[0].invoice) if page.data else None

    async def payment(self, payment_intent: str) -> PaymentIntent:
        """A payment as it is now."""
        return await self.ask(lambda c: c.v1.payment_intents.retrieve_async(payment_intent), PaymentIntent)

    async def payment_of(self, charge_id: str) -> str | None:
        """The payment intent that a charge belongs to."""
        return (await self.ask(lambda c: c.v1.charges.retrieve_async(charge_id), Charge)).payment_intent

    async def refunds(self, payment_intent: str) -> list[Refund]:
        """What was given back of a payment, in whatever state."""
        found = self.pages(lambda c: c.v1.refunds.list_async({"payment_intent": payment_intent, "limit": PAGE}), Refund)
        return [one async for one in found]

    async def refund(self, refund_id: str) -> Refund:
        """A refund as it is now."""
        return await self.ask(lambda c: c.v1.refunds.retrieve_async(refund_id), Refund)

    async def dispute(self, dispute_id: str) -> Dispute:
        """A dispute as it is now."""
        return await self.ask(lambda c: c.v1.disputes.retrieve_async(dispute_id), Dispute)

    async def disputes(self, payment_intent: str) -> list[Dispute]:
        """The disputes about a payment."""
        found = self.pages(
            lambda c: c.v1.disputes.list_async({"payment_intent": payment_intent, "limit": PAGE}), Dispute
        )
        return [one async for one in found]

    async def meter_event(
        self, *, customer: str, credits: int, identifier: str, at: datetime, attempt: int = 1
    ) -> None:
        """Report usage. Stripe counts an identifier once in 24 hours, and what it cannot count it reports later.

        Each attempt has a key of its own, for an old one would bring an old failure back. If Stripe has the identifier
        already, that is what was wanted.
        """
        try:
            await self.ask(
                lambda c: c.v1.billing.meter_events.create_async(
                    {
                        "event_name": METER,
                        "payload": {"stripe_customer_id": customer, "value": str(credits)},
                        "identifier": identifier,
                        "timestamp": int(at.timestamp()),
                    },
                    {"idempotency_key": f"meter:{identifier}:{attempt}"},
                ),
                MeterEvent,
            )
        except PaymentsRefused as refusal:
            if "already exists" not in refusal.reason:
                raise

    async def meter_total(self, customer: str, start: datetime, end: datetime) -> int:
        """Credits that Stripe has counted of a customer; both times at whole minutes."""
        meter = await self._meter_id()
        span = {"customer": customer, "start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        found = self.pages(
            lambda c: c.v1.billing.meters.event_summaries.list_async(meter, {**span, "limit": PAGE}),  # type: ignore[typeddict-item]
            MeterSummary,
        )
        return round(sum([one.aggregated_value async for one in found]))

    async def _meter_id(self) -> str:
        if self._meter is None:
            found = self.pages(lambda c: c.v1.billing.meters.list_async({"status": "active", "limit": PAGE}), Meter)
            ours = [meter.id async for meter in found if meter.event_name == METER]
            if not ours:
                raise PaymentsRefused(f"Stripe has no meter {METER}: run `kinora stripe sync`.")
            self._meter = ours[0]
        return self._meter

    async def undelivered(self, since: datetime, types: Sequence[str]) -> AsyncIterator[ReceivedEvent]:
        """Events of the types since then that no endpoint has taken, newest first. Stripe keeps them 30 days."""
        found = self.pages(
            lambda c: c.v1.events.list_async(
                {
                    "delivery_success": False,
                    "created": {"gte": int(since.timestamp())},
                    "types": list(types),
                    "limit": PAGE,
                }
            ),
            SnapshotEvent,
        )
        async for event in found:
            yield event.to_received_event()

    async def event(self, event_id: str) -> ReceivedEvent:
        """A snapshot event, by its id."""
        return (await self.ask(lambda c: c.v1.events.retrieve_async(event_id), SnapshotEvent)).to_received_event()

    async def meter_errors(self, event_id: str) -> MeterErrorReport:
        """The report of a thin event about usage that was not counted."""
        return await self.ask(lambda c: c.v2.core.events.retrieve_async(event_id), MeterErrorReport)

    def verify(self, payload: bytes, header: str, now: float) -> ReceivedEvent:
        """The event in a webhook's body. Raises BadSignature or Malformed."""
        return signatures.verify_event(payload, header, self._settings.stripe_webhook_secrets, now)


def _read(answer: Any, shape: type[T]) -> T:
    """Stripe's object in our shape. One that does not fit is a change of Stripe's that we have not followed."""
    try:
        return msgspec.convert(answer.to_dict(), shape)
    except msgspec.ValidationError as error:
        raise PaymentsRefused(f"Stripe answered what we do not read: {error}") from error


def _pause(first: float, before: int) -> float:
    """Seconds to wait after so many tries before this one; by chance, so that callers do not come back together."""
    return float(min(first * 2**before, LONGEST_PAUSE) * random.uniform(0.5, 1.0))  # noqa: S311


def _transport(pause: float, timeout: float, *, near: bool) -> HTTPClient:
    """The library's way to HTTP over our own client: with pauses of our length, and coming back after 429 as well.

    A 500 that Stripe gives back from memory is not asked for again: it would be given back for a day. A Stripe that is
    `near`, the double, is reached past whatever proxy the environment names.
    """
    import httpx
    from stripe import APIConnectionError, HTTPClient

    class Transport(HTTPClient):
        name = "httpx"

        def __init__(self) -> None:
            super().__init__()
            self._web = httpx.AsyncClient(timeout=timeout, trust_env=not near)

        async def request_async(
            self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
        ) -> tuple[bytes, int, Mapping[str, str]]:
            try:
                answer = await self._web.request(method, url, headers=dict(headers), content=post_data or None)
            except httpx.HTTPError as error:
                raise APIConnectionError(f"{type(error).__name__}: {error}", should_retry=True) from error
            return answer.content, answer.status_code, answer.headers

        def sleep_async(self, secs: float) -> Awaitable[None]:
            return asyncio.sleep(secs)

        async def close_async(self) -> None:
            await self._web.aclose()

        def _should_retry(self, response: Any, api_connection_error: Any, num_retries: int, most: int | None) -> bool:
            _, status, headers = response or (None, 0, dict[str, str]())
            if headers.get("idempotent-replayed") == "true":
                return False
            if status == 429 and headers.get("stripe-should-retry") != "false":
                return num_retries < (most or 0)
            return bool(super()._should_retry(response, api_connection_error, num_retries, most))

        def _sleep_time_seconds(self, num_retries: int) -> float:
            return _pause(pause, num_retries - 1)

    return Transport()


def _stripe_error() -> type[StripeError]:
    from stripe import StripeError

    return StripeError


@contextmanager
def _problems() -> Iterator[None]:
    """Inside, the library's exceptions become ours."""
    try:
        yield
    except _stripe_error() as error:
        raise _problem(error) from error


def _unclear(error: StripeError) -> bool:
    """Whether the request may have been carried out, may not have been, or may yet be: no word of Stripe's about it."""
    return error.http_status is None or error.http_status in (409, 429) or error.http_status >= 500


def _replayed(error: StripeError) -> bool:
    """Whether this is the answer that Stripe will give to its key from now on."""
    return error.headers is not None and error.headers.get("idempotent-replayed") == "true"


def _problem(error: StripeError) -> Problem:
    """What the library raises, as what we answer. Stripe's request id goes to the log: their support asks for it."""
    code = error.code or ""
    if code != MISSING:  # that is an answer
        log.warning(
            "stripe_error",
            status=error.http_status,
            code=code,
            stripe_request_id=error.request_id,
            error=type(error).__name__,
        )
    if error.http_status == 402:
        declined = error.error.decline_code if error.error else None
        return CardDeclined(error.user_message or "", reason=declined or code or None)
    if error.http_status == 400 and getattr(error, "param", None) in LANDINGS:
        return Invalid(error.user_message or "", param=error.param)  # type: ignore[attr-defined]
    return PaymentsAway() if _unclear(error) else PaymentsRefused(str(error), stripe_code=code)
