"""Bringing events to whoever receives them: signed, in order, again after a failure, and badly when that is asked for.

Times are the double's own clock; only the time inside a signature is real, because receivers compare it with theirs.
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
"""Seconds from one failed try to the next: three days in all, after which it is given up."""
RESPONSE_TIMEOUT = 10.0
"""Seconds a receiver may take to answer."""
NEXT_DUE = """
SELECT seq, event, body_of, type, target, tries, repeats FROM deliveries
WHERE state = 'waiting' AND due <= ? ORDER BY due, seq LIMIT 1"""
WAITING = "SELECT seq, due FROM deliveries WHERE state = 'waiting' ORDER BY due, seq"
UNATTEMPTED = "SELECT seq, due FROM deliveries WHERE state = 'waiting' AND tries = 0 ORDER BY due, seq"
ORDERING_STEP = 1e-5
"""Seconds between deliveries that are hurried, so that they keep their order."""
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
    """Delivers what is due, one after another."""

    def __init__(self, world: StripeAccount, faults: FaultRules) -> None:
        self._world, self._faults = world, faults
        self._client = httpx.AsyncClient(timeout=RESPONSE_TIMEOUT, trust_env=False)
        self._delivery_lock = asyncio.Lock()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def deliver_due(self) -> int:
        """Everything that is due by now; gives how many tries that were. A second caller waits for the first."""
        count = 0
        async with self._delivery_lock:
            while (found := self._next_due_delivery()) is not None:
                count += 1
                if not self._apply_fault(found):
                    await self._attempt_delivery(found)
        return count

    async def deliver_all(self) -> int:
        """The same, and what waits for a later time, in the order of those times; what fails now waits again."""
        self._make_due_now(WAITING)
        count = await self.deliver_due()
        while self._world.store.connection.execute(UNATTEMPTED).fetchone():  # made late just now, by a fault
            self._make_due_now(UNATTEMPTED)
            count += await self.deliver_due()
        return count

    def _make_due_now(self, which: str) -> None:
        """Make those due now, without changing their order."""
        connection, now = self._world.store.connection, self._world.clock.exact_time()
        rows = connection.execute(which).fetchall()
        for place, (seq, due) in enumerate(rows):
            soon = min(due, now - (len(rows) - place) * ORDERING_STEP)
            connection.execute("UPDATE deliveries SET due = ? WHERE seq = ?", (soon, seq))

    def next_due_at(self) -> float | None:
        """When the next delivery is due."""
        query = "SELECT min(due) FROM deliveries WHERE state = 'waiting'"
        found = self._world.store.connection.execute(query).fetchone()[0]
        return None if found is None else float(found)

    def list_deliveries(self, limit: int) -> list[Json]:
        """The newest deliveries, whatever became of them."""
        names = ("seq", "event", "body_of", "type", "target", "due", "tries", "state", "answer", "error")
        rows = self._world.store.connection.execute(NEWEST, (limit,)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _next_due_delivery(self) -> WebhookDelivery | None:
        row = self._world.store.connection.execute(NEXT_DUE, (self._world.clock.exact_time(),)).fetchone()
        return None if row is None else WebhookDelivery(*row)

    def _apply_fault(self, found: WebhookDelivery) -> bool:
        """Whether something else is to be done with it first. Only a first try is spoilt, and once."""
        rule = self._faults.pick_fault(found.type) if found.attempts == 0 and found.repeats == 0 else None
        if rule is None:
            return False
        if rule.kind == "drop":
            self._update_delivery(found, state="dropped", error="dropped on demand")
            return True
        if rule.kind == "duplicate":
            self._update_delivery(found, repeats=rule.times)
            return False
        late = rule.seconds if rule.kind == "delay" else rule.chance.uniform(0, rule.seconds)
        self._update_delivery(found, due=self._world.clock.exact_time() + late, repeats=-1)
        return True

    async def _attempt_delivery(self, found: WebhookDelivery) -> None:
        target = self._find_receiver(found.target)
        if target is None:
            self._update_delivery(found, state="dropped", error="nobody receives it any more")
            return
        body = self._event_body(found)
        sends = 1 + max(0, self._repeat_count(found))
        for _ in range(sends):
            answer, error = await self._post_event(target, body)
        self._record_attempt(found, answer, error)

    def _repeat_count(self, found: WebhookDelivery) -> int:
        query = "SELECT repeats FROM deliveries WHERE seq = ?"
        return int(self._world.store.connection.execute(query, (found.seq,)).fetchone()[0])

    def _record_attempt(self, found: WebhookDelivery, answer: int | None, error: str | None) -> None:
        tries = found.attempts + 1
        if answer is not None and 200 <= answer < 300:
            self._update_delivery(found, state="delivered", tries=tries, answer=answer, error=None)
        elif tries > len(RETRY_DELAYS):
            self._update_delivery(found, state="failed", tries=tries, answer=answer, error=error)
        else:
            due = self._world.clock.exact_time() + RETRY_DELAYS[tries - 1]
            self._update_delivery(found, tries=tries, answer=answer, error=error, due=due)

    async def _post_event(self, target: tuple[str, str], body: bytes) -> tuple[int | None, str | None]:
        url, secret = target
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

    def _find_receiver(self, ident: str) -> tuple[str, str] | None:
        """Where it goes, and the secret it is signed with."""
        store = self._world.store
        endpoint = store.get_object("webhook_endpoint", ident)
        if endpoint is not None:
            return endpoint["url"], endpoint[PRIVATE]["secret"]
        destination = store.get_object("v2.core.event_destination", ident)
        return None if destination is None else (destination[PRIVATE]["url"], destination[PRIVATE]["secret"])

    def _event_body(self, found: WebhookDelivery) -> bytes:
        event = self._world.store.get_object("event", found.body_event)
        if event is not None:
            event["pending_webhooks"] = events.count_undelivered(self._world, event["id"])
            return msgspec.json.encode(strip_private_members(event))
        thin = self._world.require_object("v2.core.event", found.body_event)
        return msgspec.json.encode({name: value for name, value in thin.items() if name not in ("changes", "data")})

    def _update_delivery(self, found: WebhookDelivery, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE deliveries SET {names} WHERE seq = ?"
        self._world.store.connection.execute(query, (*values.values(), found.seq))


def signature_header(body: bytes, secret: str, timestamp: int) -> str:
    """Stripe's signature header for a body."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
