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
from api.fakes.stripe.account import PRIVATE, World, public
from api.fakes.stripe.errors import Json
from api.fakes.stripe.faults import Faults

BACKOFF = (5.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 12 * 3600.0, 24 * 3600.0, 24 * 3600.0)
"""Seconds from one failed try to the next: three days in all, after which it is given up."""
PATIENCE = 10.0
"""Seconds a receiver may take to answer."""
DUE = """
SELECT seq, event, body_of, type, target, tries, repeats FROM deliveries
WHERE state = 'waiting' AND due <= ? ORDER BY due, seq LIMIT 1"""
WAITING = "SELECT seq, due FROM deliveries WHERE state = 'waiting' ORDER BY due, seq"
UNTRIED = "SELECT seq, due FROM deliveries WHERE state = 'waiting' AND tries = 0 ORDER BY due, seq"
INSTANT = 1e-5
"""Seconds between deliveries that are hurried, so that they keep their order."""
LOG = """
SELECT seq, event, body_of, type, target, due, tries, state, answer, error FROM deliveries ORDER BY seq DESC LIMIT ?"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one receiver."""

    seq: int
    event: str
    body_of: str
    type: str
    target: str
    tries: int
    repeats: int


class Courier:
    """Delivers what is due, one after another."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world, self._faults = world, faults
        self._client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        self._one = asyncio.Lock()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def deliver(self) -> int:
        """Everything that is due by now; gives how many tries that were. A second caller waits for the first."""
        count = 0
        async with self._one:
            while (found := self._next()) is not None:
                count += 1
                if not self._spoilt(found):
                    await self._try(found)
        return count

    async def deliver_all(self) -> int:
        """The same, and what waits for a later time, in the order of those times; what fails now waits again."""
        self._hurry(WAITING)
        count = await self.deliver()
        while self._world.store.connection.execute(UNTRIED).fetchone():  # made late just now, by a fault
            self._hurry(UNTRIED)
            count += await self.deliver()
        return count

    def _hurry(self, which: str) -> None:
        """Make those due now, without changing their order."""
        connection, now = self._world.store.connection, self._world.clock.exact()
        rows = connection.execute(which).fetchall()
        for place, (seq, due) in enumerate(rows):
            soon = min(due, now - (len(rows) - place) * INSTANT)
            connection.execute("UPDATE deliveries SET due = ? WHERE seq = ?", (soon, seq))

    def next_due(self) -> float | None:
        """When the next delivery is due."""
        query = "SELECT min(due) FROM deliveries WHERE state = 'waiting'"
        found = self._world.store.connection.execute(query).fetchone()[0]
        return None if found is None else float(found)

    def log(self, limit: int) -> list[Json]:
        """The newest deliveries, whatever became of them."""
        names = ("seq", "event", "body_of", "type", "target", "due", "tries", "state", "answer", "error")
        rows = self._world.store.connection.execute(LOG, (limit,)).fetchall()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _next(self) -> Delivery | None:
        row = self._world.store.connection.execute(DUE, (self._world.clock.exact(),)).fetchone()
        return None if row is None else Delivery(*row)

    def _spoilt(self, found: Delivery) -> bool:
        """Whether something else is to be done with it first. Only a first try is spoilt, and once."""
        rule = self._faults.pick(found.type) if found.tries == 0 and found.repeats == 0 else None
        if rule is None:
            return False
        if rule.kind == "drop":
            self._set(found, state="dropped", error="dropped on demand")
            return True
        if rule.kind == "duplicate":
            self._set(found, repeats=rule.times)
            return False
        late = rule.seconds if rule.kind == "delay" else rule.chance.uniform(0, rule.seconds)
        self._set(found, due=self._world.clock.exact() + late, repeats=-1)
        return True

    async def _try(self, found: Delivery) -> None:
        target = self._target(found.target)
        if target is None:
            self._set(found, state="dropped", error="nobody receives it any more")
            return
        body = self._body(found)
        sends = 1 + max(0, self._repeats(found))
        for _ in range(sends):
            answer, error = await self._send(target, body)
        self._settle(found, answer, error)

    def _repeats(self, found: Delivery) -> int:
        query = "SELECT repeats FROM deliveries WHERE seq = ?"
        return int(self._world.store.connection.execute(query, (found.seq,)).fetchone()[0])

    def _settle(self, found: Delivery, answer: int | None, error: str | None) -> None:
        tries = found.tries + 1
        if answer is not None and 200 <= answer < 300:
            self._set(found, state="delivered", tries=tries, answer=answer, error=None)
        elif tries > len(BACKOFF):
            self._set(found, state="failed", tries=tries, answer=answer, error=error)
        else:
            due = self._world.clock.exact() + BACKOFF[tries - 1]
            self._set(found, tries=tries, answer=answer, error=error, due=due)

    async def _send(self, target: tuple[str, str], body: bytes) -> tuple[int | None, str | None]:
        url, secret = target
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (fake Stripe)",
        }
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return None, f"{type(error).__name__}: {error}"
        return answer.status_code, None

    def _target(self, ident: str) -> tuple[str, str] | None:
        """Where it goes, and the secret it is signed with."""
        store = self._world.store
        endpoint = store.get("webhook_endpoint", ident)
        if endpoint is not None:
            return endpoint["url"], endpoint[PRIVATE]["secret"]
        destination = store.get("v2.core.event_destination", ident)
        return None if destination is None else (destination[PRIVATE]["url"], destination[PRIVATE]["secret"])

    def _body(self, found: Delivery) -> bytes:
        event = self._world.store.get("event", found.body_of)
        if event is not None:
            event["pending_webhooks"] = events.undelivered(self._world, event["id"])
            return msgspec.json.encode(public(event))
        thin = self._world.need("v2.core.event", found.body_of)
        return msgspec.json.encode({name: value for name, value in thin.items() if name not in ("changes", "data")})

    def _set(self, found: Delivery, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE deliveries SET {names} WHERE seq = ?"
        self._world.store.connection.execute(query, (*values.values(), found.seq))


def signature(body: bytes, secret: str, moment: int) -> str:
    """Stripe's signature header for a body."""
    signed = f"{moment}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
