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
from api.fakes.stripe.account import ForcedDecline, RequestContext, strip_private_members
from api.fakes.stripe.errors import Json
from api.fakes.stripe.faults import DELIVERY_KINDS, REQUEST_KINDS, FaultRule, FaultRules
from api.fakes.stripe.simulation import cards, disputes, payment_outcomes
from api.fakes.stripe.state import InjectedServer

Asking = msgspec.Struct


class ClockAdvance(Asking, frozen=True, forbid_unknown_fields=True):
    """How far to go ahead, or until when."""

    seconds: int = 0
    days: int = 0
    to: int | None = None


class FaultRequest(Asking, frozen=True, forbid_unknown_fields=True):
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


class DeclineRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """Payments of a customer that are to fail; `count` 0 lets them succeed again, None lets all fail."""

    customer: str
    count: int | None = 1
    decline_code: str = "generic_decline"


class DisputeRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """What is disputed: a payment intent or a charge."""

    payment_intent: str | None = None
    charge: str | None = None
    reason: str = "fraudulent"


class DisputeClosure(Asking, frozen=True, forbid_unknown_fields=True):
    """How a dispute ends."""

    outcome: Literal["won", "lost"]


class FlushRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """`all`: also what waits for a later time, such as a retry."""

    all: bool = False


class RetrySettings(Asking, frozen=True, forbid_unknown_fields=True):
    """What becomes of a subscription that nobody pays for."""

    after: Literal["canceled", "unpaid", "past_due"]


class ControlRoutes(Controller):
    """Clock, faults, cards, disputes, deliveries, and starting anew."""

    path = "/_local"
    include_in_schema = False

    @get("/clock")
    async def read_clock(self, parts: InjectedServer) -> Json:
        """What time it is here."""
        return {"now": parts.account.now()}

    @post("/clock", status_code=HTTP_200_OK)
    async def advance_clock(self, parts: InjectedServer, data: JSONBody[ClockAdvance]) -> Json:
        """Go ahead, living through everything on the way. Events are delivered from then on."""
        seconds = data.seconds + 86400 * data.days + (0 if data.to is None else data.to - parts.account.now())
        if seconds < 0:
            raise HTTPException("Time goes ahead only.", status_code=400)
        count = due_actions.advance_clock(parts.account, seconds)
        parts.scheduler.wake()
        return {"now": parts.account.now(), "steps": count}

    @get("/faults")
    async def list_faults(self, parts: InjectedServer) -> Json:
        """The rules in force, and what has struck."""
        return {
            "requests": _fault_rules_response(parts.request_faults),
            "deliveries": _fault_rules_response(parts.delivery_faults),
        }

    @post("/faults", status_code=HTTP_200_OK)
    async def add_request_fault(self, parts: InjectedServer, data: JSONBody[FaultRequest]) -> Json:
        """Let requests go wrong."""
        return _add_fault_rule(parts.request_faults, data, REQUEST_KINDS)

    @post("/faults/deliveries", status_code=HTTP_200_OK)
    async def add_delivery_fault(self, parts: InjectedServer, data: JSONBody[FaultRequest]) -> Json:
        """Let deliveries go wrong; `route` is a pattern of event types."""
        return _add_fault_rule(parts.delivery_faults, data, DELIVERY_KINDS)

    @delete("/faults", status_code=HTTP_200_OK)
    async def clear_faults(self, parts: InjectedServer) -> Json:
        """Let everything go well again."""
        parts.request_faults.clear_rules()
        parts.delivery_faults.clear_rules()
        return {}

    @post("/cards", status_code=HTTP_200_OK)
    async def force_declines(self, parts: InjectedServer, data: JSONBody[DeclineRequest]) -> Json:
        """Let a customer's next payments fail, whatever the card."""
        if data.decline_code not in cards.DECLINE_MESSAGES:
            raise HTTPException(f"One of {', '.join(cards.DECLINE_MESSAGES)}.", status_code=400)
        parts.account.forced_declines[data.customer] = ForcedDecline(data.count, data.decline_code)
        return {"customer": data.customer, "count": data.count, "decline_code": data.decline_code}

    @post("/retries", status_code=HTTP_200_OK)
    async def set_retry_outcome(self, parts: InjectedServer, data: JSONBody[RetrySettings]) -> Json:
        """Choose what follows the last failed retry."""
        parts.account.store.set_setting(payment_outcomes.RETRY_OUTCOME_SETTING, data.after)
        return {"after": data.after}

    @post("/disputes", status_code=HTTP_200_OK)
    async def open_dispute(self, parts: InjectedServer, data: JSONBody[DisputeRequest]) -> Json:
        """Let the owner of a card take a payment back."""
        world = parts.account
        with world.store.transaction():
            world.request_context = RequestContext()
            charge = data.charge or world.require_object("payment_intent", data.payment_intent or "")["latest_charge"]
            found = disputes.open_dispute(world, world.require_object("charge", charge), data.reason)
        parts.scheduler.wake()
        return strip_private_members(found)

    @post("/disputes/{ident:str}/close", status_code=HTTP_200_OK)
    async def close_dispute(self, parts: InjectedServer, ident: FromPath[str], data: JSONBody[DisputeClosure]) -> Json:
        """Let the bank decide."""
        world = parts.account
        with world.store.transaction():
            world.request_context = RequestContext()
            found = disputes.close_dispute(world, world.require_object("dispute", ident), won=data.outcome == "won")
        parts.scheduler.wake()
        return strip_private_members(found)

    @get("/deliveries")
    async def list_deliveries(
        self, parts: InjectedServer, limit: Annotated[int, QueryParameter(ge=1, le=10000)] = 100
    ) -> Json:
        """The newest deliveries, whatever became of them."""
        return {"data": parts.webhook_sender.list_deliveries(limit)}

    @post("/deliveries/flush", status_code=HTTP_200_OK)
    async def flush_deliveries(self, parts: InjectedServer, data: JSONBody[FlushRequest]) -> Json:
        """Return when everything that is due has been tried."""
        due_actions.run_due_actions(parts.account)
        count = await (parts.webhook_sender.deliver_all() if data.all else parts.webhook_sender.deliver_due())
        waiting = sum(row["state"] == "waiting" for row in parts.webhook_sender.list_deliveries(-1))
        return {"tried": count, "waiting": waiting}

    @post("/reset", status_code=HTTP_200_OK)
    async def reset_account(self, parts: InjectedServer) -> Json:
        """Forget everything, as if it had just been started for the first time."""
        parts.account.store.delete_everything()
        parts.account.clock.reset_offset()
        parts.account.forced_declines.clear()
        parts.request_faults.clear_rules()
        parts.delivery_faults.clear_rules()
        return {}


def _fault_rules_response(faults: FaultRules) -> Json:
    rules: Sequence[Json] = [
        {"kind": rule.kind, "route": rule.route, "count": rule.count, "probability": rule.probability}
        for rule in faults.rules
    ]
    return {"rules": rules, "struck": faults.occurrences}


def _add_fault_rule(faults: FaultRules, asked: FaultRequest, kinds: Sequence[str]) -> Json:
    if asked.kind not in kinds:
        raise HTTPException(f"`kind` is one of {', '.join(kinds)}.", status_code=400)
    faults.rules.append(FaultRule(**msgspec.structs.asdict(asked)))
    return {"rules": len(faults.rules)}
