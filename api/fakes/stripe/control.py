"""`/_local/…`: what Stripe does not have, for whoever tests against it. The package's docstring lists the routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from litestar import Controller, delete, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from api.fakes.stripe import due_actions
from api.fakes.stripe.account import Cause, Failing, public
from api.fakes.stripe.errors import Json
from api.fakes.stripe.faults import DELIVERY_KINDS, REQUEST_KINDS, Faults, Rule
from api.fakes.stripe.simulation import cards, disputes, payment_outcomes
from api.fakes.stripe.state import Given

Asking = msgspec.Struct


class Advance(Asking, frozen=True, forbid_unknown_fields=True):
    """How far to go ahead, or until when."""

    seconds: int = 0
    days: int = 0
    to: int | None = None


class FaultAsked(Asking, frozen=True, forbid_unknown_fields=True):
    """A rule, as `faults.Rule` explains it."""

    kind: str
    route: str = "*"
    count: int | None = 1
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    seconds: float = 60.0
    times: int = 1
    retry_after: int | None = None
    should_retry: bool | None = None


class CardAsked(Asking, frozen=True, forbid_unknown_fields=True):
    """Payments of a customer that are to fail; `count` 0 lets them succeed again, None lets all fail."""

    customer: str
    count: int | None = 1
    decline_code: str = "generic_decline"


class DisputeAsked(Asking, frozen=True, forbid_unknown_fields=True):
    """What is disputed: a payment intent or a charge."""

    payment_intent: str | None = None
    charge: str | None = None
    reason: str = "fraudulent"


class Verdict(Asking, frozen=True, forbid_unknown_fields=True):
    """How a dispute ends."""

    outcome: Literal["won", "lost"]


class Flush(Asking, frozen=True, forbid_unknown_fields=True):
    """`all`: also what waits for a later time, such as a retry."""

    all: bool = False


class RetriesAsked(Asking, frozen=True, forbid_unknown_fields=True):
    """What becomes of a subscription that nobody pays for."""

    after: Literal["canceled", "unpaid", "past_due"]


class Control(Controller):
    """Clock, faults, cards, disputes, deliveries, and starting anew."""

    path = "/_local"
    include_in_schema = False

    @get("/clock")
    async def clock(self, parts: Given) -> Json:
        """What time it is here."""
        return {"now": parts.world.now()}

    @post("/clock", status_code=HTTP_200_OK)
    async def advance(self, parts: Given, data: JSONBody[Advance]) -> Json:
        """Go ahead, living through everything on the way. Events are delivered from then on."""
        seconds = data.seconds + 86400 * data.days + (0 if data.to is None else data.to - parts.world.now())
        if seconds < 0:
            raise HTTPException("Time goes ahead only.", status_code=400)
        count = due_actions.advance(parts.world, seconds)
        parts.heart.wake()
        return {"now": parts.world.now(), "steps": count}

    @get("/faults")
    async def faults(self, parts: Given) -> Json:
        """The rules in force, and what has struck."""
        return {"requests": _shown(parts.requests), "deliveries": _shown(parts.deliveries)}

    @post("/faults", status_code=HTTP_200_OK)
    async def spoil(self, parts: Given, data: JSONBody[FaultAsked]) -> Json:
        """Let requests go wrong."""
        return _ruled(parts.requests, data, REQUEST_KINDS)

    @post("/faults/deliveries", status_code=HTTP_200_OK)
    async def spoil_deliveries(self, parts: Given, data: JSONBody[FaultAsked]) -> Json:
        """Let deliveries go wrong; `route` is a pattern of event types."""
        return _ruled(parts.deliveries, data, DELIVERY_KINDS)

    @delete("/faults", status_code=HTTP_200_OK)
    async def mend(self, parts: Given) -> Json:
        """Let everything go well again."""
        parts.requests.clear()
        parts.deliveries.clear()
        return {}

    @post("/cards", status_code=HTTP_200_OK)
    async def cards(self, parts: Given, data: JSONBody[CardAsked]) -> Json:
        """Let a customer's next payments fail, whatever the card."""
        if data.decline_code not in cards.WORDS:
            raise HTTPException(f"One of {', '.join(cards.WORDS)}.", status_code=400)
        parts.world.failing[data.customer] = Failing(data.count, data.decline_code)
        return {"customer": data.customer, "count": data.count, "decline_code": data.decline_code}

    @post("/retries", status_code=HTTP_200_OK)
    async def retries(self, parts: Given, data: JSONBody[RetriesAsked]) -> Json:
        """Choose what follows the last failed retry."""
        parts.world.store.keep(payment_outcomes.AFTER_RETRIES, data.after)
        return {"after": data.after}

    @post("/disputes", status_code=HTTP_200_OK)
    async def dispute(self, parts: Given, data: JSONBody[DisputeAsked]) -> Json:
        """Let the owner of a card take a payment back."""
        world = parts.world
        with world.store.transaction():
            world.cause = Cause()
            charge = data.charge or world.need("payment_intent", data.payment_intent or "")["latest_charge"]
            found = disputes.open_(world, world.need("charge", charge), data.reason)
        parts.heart.wake()
        return public(found)

    @post("/disputes/{ident:str}/close", status_code=HTTP_200_OK)
    async def decide(self, parts: Given, ident: FromPath[str], data: JSONBody[Verdict]) -> Json:
        """Let the bank decide."""
        world = parts.world
        with world.store.transaction():
            world.cause = Cause()
            found = disputes.close(world, world.need("dispute", ident), won=data.outcome == "won")
        parts.heart.wake()
        return public(found)

    @get("/deliveries")
    async def log(self, parts: Given, limit: Annotated[int, QueryParameter(ge=1, le=10000)] = 100) -> Json:
        """The newest deliveries, whatever became of them."""
        return {"data": parts.courier.log(limit)}

    @post("/deliveries/flush", status_code=HTTP_200_OK)
    async def flush(self, parts: Given, data: JSONBody[Flush]) -> Json:
        """Return when everything that is due has been tried."""
        due_actions.catch_up(parts.world)
        count = await (parts.courier.deliver_all() if data.all else parts.courier.deliver())
        waiting = sum(row["state"] == "waiting" for row in parts.courier.log(-1))
        return {"tried": count, "waiting": waiting}

    @post("/reset", status_code=HTTP_200_OK)
    async def reset(self, parts: Given) -> Json:
        """Forget everything, as if it had just been started for the first time."""
        parts.world.store.clear()
        parts.world.clock.forget()
        parts.world.failing.clear()
        parts.requests.clear()
        parts.deliveries.clear()
        return {}


def _shown(faults: Faults) -> Json:
    rules: Sequence[Json] = [
        {"kind": rule.kind, "route": rule.route, "count": rule.count, "probability": rule.probability}
        for rule in faults.rules
    ]
    return {"rules": rules, "struck": faults.struck}


def _ruled(faults: Faults, asked: FaultAsked, kinds: Sequence[str]) -> Json:
    if asked.kind not in kinds:
        raise HTTPException(f"`kind` is one of {', '.join(kinds)}.", status_code=400)
    faults.rules.append(Rule(**msgspec.structs.asdict(asked)))
    return {"rules": len(faults.rules)}
