"""Delivery of events to webhook receivers: signed, in order, retried after failures, with injected faults.

Times are the account's clock; only the timestamp in a signature is real, because receivers compare it with theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass

import httpx
import msgspec

from api.fakes.stripe import events
from api.fakes.stripe.account import PRIVATE, StripeAccount, strip_private_members
from api.fakes.stripe.errors import Json
from api.fakes.stripe.faults import FaultRules

RETRY_DELAYS = (5.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0, 24 * 3600.0)
"""Seconds from one failed attempt to the next: three days in all, after which the delivery has failed."""
RESPONSE_TIMEOUT = 10.0
"""Seconds a receiver may take to answer."""
NEXT_DUE = """
SELECT seq, event, body_of, type, target, tries, repeats FROM deliveries
WHERE state = 'waiting' AND due <= ? ORDER BY due, seq LIMIT 1"""
WAITING = "SELECT seq, due FROM deliveries WHERE state = 'waiting' ORDER BY due, seq"
UNATTEMPTED = "SELECT seq, due FROM deliveries WHERE state = 'waiting' AND tries = 0 ORDER BY due, seq"
ORDERING_STEP = 1e-5
"""Seconds between deliveries that are made due at once, which keeps their order."""
NEWEST = """
SELECT seq, event, body_of, type, target, due, tries, state, answer, error FROM deliveries ORDER BY seq DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event on its way to one receiver."""

    seq: int
    event: str
    body_event: str
    type: str
    target: str
    attempts: int
    repeats: int


class WebhookSender:
    """Delivers due events one after another."""

    def __init__(self, account: StripeAccount, faults: FaultRules) -> None:
        self._account, self._faults = account, faults
        self._client = httpx.AsyncClient(timeout=RESPONSE_TIMEOUT, trust_env=False)
        self._delivery_lock = asyncio.Lock()

    async def close(self) -> None:
        await self._client.aclose()

    async def deliver_due(self) -> int:
        """Attempt all due deliveries; returns the number of attempts. Concurrent callers wait for each other."""
        count = 0
        async with self._delivery_lock:
            while (delivery := self._next_due_delivery()) is not None:
                count += 1
                if not self._apply_fault(delivery):
                    await self._attempt_delivery(delivery)
        return count

    async def deliver_all(self) -> int:
        """Attempt all deliveries, also those due later, in order of due time. What fails now is retried later."""
        self._make_due_now(WAITING)
        count = await self.deliver_due()
        while self._account.store.connection.execute(UNATTEMPTED).fetchone():  # made late just now, by a fault
            self._make_due_now(UNATTEMPTED)
            count += await self.deliver_due()
        return count

    def _make_due_now(self, query: str) -> None:
        """Make the selected deliveries due now without changing their order."""
        connection, now = self._account.store.connection, self._account.clock.exact_time()
        rows = connection.execute(query).fetchall()
        for position, (seq, due) in enumerate(rows):
            due_now = min(due, now - (len(rows) - position) * ORDERING_STEP)
            connection.execute("UPDATE deliveries SET due = ? WHERE seq = ?", (due_now, seq))

    def next_due_at(self) -> float | None:
        query = "SELECT min(due) FROM deliveries WHERE state = 'waiting'"
        due_at = self._account.store.connection.execute(query).fetchone()[0]
        return None if due_at is None else float(due_at)

    def list_deliveries(self, limit: int) -> list[Json]:
        """The newest deliveries in any state."""
        names = ("seq", "event", "body_of", "type", "target", "due", "tries", "state", "answer", "error")
        rows = self._account.store.connection.execute(NEWEST, (limit,)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _next_due_delivery(self) -> WebhookDelivery | None:
        row = self._account.store.connection.execute(NEXT_DUE, (self._account.clock.exact_time(),)).fetchone()
        return None if row is None else WebhookDelivery(*row)

    def _apply_fault(self, delivery: WebhookDelivery) -> bool:
        """Apply an injected fault to a first attempt, once; returns whether the delivery is not to be sent now."""
        rule = self._faults.pick_fault(delivery.type) if delivery.attempts == 0 and delivery.repeats == 0 else None
        if rule is None:
            return False
        if rule.kind == "drop":
            self._update_delivery(delivery, state="dropped", error="dropped on demand")
            return True
        if rule.kind == "duplicate":
            self._update_delivery(delivery, repeats=rule.times)
            return False
        late = rule.seconds if rule.kind == "delay" else rule.chance.uniform(0, rule.seconds)
        self._update_delivery(delivery, due=self._account.clock.exact_time() + late, repeats=-1)
        return True

    async def _attempt_delivery(self, delivery: WebhookDelivery) -> None:
        receiver = self._find_receiver(delivery.target)
        if receiver is None:
            self._update_delivery(delivery, state="dropped", error="the receiver was deleted")
            return
        body = self._event_body(delivery)
        sends = 1 + max(0, self._repeat_count(delivery))
        for _ in range(sends):
            answer, error = await self._post_event(receiver, body)
        self._record_attempt(delivery, answer, error)

    def _repeat_count(self, delivery: WebhookDelivery) -> int:
        query = "SELECT repeats FROM deliveries WHERE seq = ?"
        return int(self._account.store.connection.execute(query, (delivery.seq,)).fetchone()[0])

    def _record_attempt(self, delivery: WebhookDelivery, answer: int | None, error: str | None) -> None:
        tries = delivery.attempts + 1
        if answer is not None and 200 <= answer < 300:
            self._update_delivery(delivery, state="delivered", tries=tries, answer=answer, error=None)
        elif tries > len(RETRY_DELAYS):
            self._update_delivery(delivery, state="failed", tries=tries, answer=answer, error=error)
        else:
            due = self._account.clock.exact_time() + RETRY_DELAYS[tries - 1]
            self._update_delivery(delivery, tries=tries, answer=answer, error=error, due=due)

    async def _post_event(self, receiver: tuple[str, str], body: bytes) -> tuple[int | None, str | None]:
        url, secret = receiver
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature_header(body, secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (fake Stripe)",
        }
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, None

    def _find_receiver(self, receiver_id: str) -> tuple[str, str] | None:
        """The receiver's URL and signing secret; None if it was deleted."""
        store = self._account.store
        endpoint = store.get_object("webhook_endpoint", receiver_id)
        if endpoint is not None:
            return endpoint["url"], endpoint[PRIVATE]["secret"]
        destination = store.get_object("v2.core.event_destination", receiver_id)
        return None if destination is None else (destination[PRIVATE]["url"], destination[PRIVATE]["secret"])

    def _event_body(self, delivery: WebhookDelivery) -> bytes:
        event = self._account.store.get_object("event", delivery.body_event)
        if event is not None:
            event["pending_webhooks"] = events.count_undelivered(self._account, event["id"])
            return msgspec.json.encode(strip_private_members(event))
        thin_event = self._account.require_object("v2.core.event", delivery.body_event)
        return msgspec.json.encode(
            {name: value for name, value in thin_event.items() if name not in ("changes", "data")}
        )

    def _update_delivery(self, delivery: WebhookDelivery, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE deliveries SET {names} WHERE seq = ?"
        self._account.store.connection.execute(query, (*values.values(), delivery.seq))


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """The value of `Stripe-Signature` for a body."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
