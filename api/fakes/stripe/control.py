"""The control routes under `/_local`, which Stripe does not have. The package's docstring lists them."""

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
    """How far to advance the clock, or until when."""

    seconds: int = 0
    days: int = 0
    to: int | None = None


class FaultRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """A fault rule; `faults.FaultRule` explains the fields."""

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
    """Make a customer's payments fail; `count` 0 ends it, None means all of them."""

    customer: str
    count: int | None = 1
    decline_code: str = "generic_decline"


class DisputeRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """The payment intent or the charge to dispute."""

    payment_intent: str | None = None
    charge: str | None = None
    reason: str = "fraudulent"


class DisputeClosure(Asking, frozen=True, forbid_unknown_fields=True):
    """The outcome of a dispute."""

    outcome: Literal["won", "lost"]


class FlushRequest(Asking, frozen=True, forbid_unknown_fields=True):
    """`all` includes deliveries that are due later, such as retries."""

    all: bool = False


class RetrySettings(Asking, frozen=True, forbid_unknown_fields=True):
    """The status of a subscription after its last failed retry."""

    after: Literal["canceled", "unpaid", "past_due"]


class ControlRoutes(Controller):
    """Clock, faults, forced declines, disputes, deliveries and reset."""

    path = "/_local"
    include_in_schema = False

    @get("/clock")
    async def read_clock(self, server: InjectedServer) -> Json:
        return {"now": server.account.now()}

    @post("/clock", status_code=HTTP_200_OK)
    async def advance_clock(self, server: InjectedServer, data: JSONBody[ClockAdvance]) -> Json:
        """Advance the clock and run everything due on the way. Its events are delivered afterwards."""
        seconds = data.seconds + 86400 * data.days + (0 if data.to is None else data.to - server.account.now())
        if seconds < 0:
            raise HTTPException("Time goes ahead only.", status_code=400)
        count = due_actions.advance_clock(server.account, seconds)
        server.scheduler.wake()
        return {"now": server.account.now(), "steps": count}

    @get("/faults")
    async def list_faults(self, server: InjectedServer) -> Json:
        return {
            "requests": _fault_rules_response(server.request_faults),
            "deliveries": _fault_rules_response(server.delivery_faults),
        }

    @post("/faults", status_code=HTTP_200_OK)
    async def add_request_fault(self, server: InjectedServer, data: JSONBody[FaultRequest]) -> Json:
        return _add_fault_rule(server.request_faults, data, REQUEST_KINDS)

    @post("/faults/deliveries", status_code=HTTP_200_OK)
    async def add_delivery_fault(self, server: InjectedServer, data: JSONBody[FaultRequest]) -> Json:
        """`route` is a pattern of event types."""
        return _add_fault_rule(server.delivery_faults, data, DELIVERY_KINDS)

    @delete("/faults", status_code=HTTP_200_OK)
    async def clear_faults(self, server: InjectedServer) -> Json:
        server.request_faults.clear_rules()
        server.delivery_faults.clear_rules()
        return {}

    @post("/cards", status_code=HTTP_200_OK)
    async def force_declines(self, server: InjectedServer, data: JSONBody[DeclineRequest]) -> Json:
        """Make a customer's next payments fail, whatever the card."""
        if data.decline_code not in cards.DECLINE_MESSAGES:
            raise HTTPException(f"One of {', '.join(cards.DECLINE_MESSAGES)}.", status_code=400)
        server.account.forced_declines[data.customer] = ForcedDecline(data.count, data.decline_code)
        return {"customer": data.customer, "count": data.count, "decline_code": data.decline_code}

    @post("/retries", status_code=HTTP_200_OK)
    async def set_retry_outcome(self, server: InjectedServer, data: JSONBody[RetrySettings]) -> Json:
        server.account.store.set_setting(payment_outcomes.RETRY_OUTCOME_SETTING, data.after)
        return {"after": data.after}

    @post("/disputes", status_code=HTTP_200_OK)
    async def open_dispute(self, server: InjectedServer, data: JSONBody[DisputeRequest]) -> Json:
        account = server.account
        with account.store.transaction():
            account.request_context = RequestContext()
            charge = data.charge or account.require_object("payment_intent", data.payment_intent or "")["latest_charge"]
            dispute = disputes.open_dispute(account, account.require_object("charge", charge), data.reason)
        server.scheduler.wake()
        return strip_private_members(dispute)

    @post("/disputes/{dispute_id:str}/close", status_code=HTTP_200_OK)
    async def close_dispute(
        self, server: InjectedServer, dispute_id: FromPath[str], data: JSONBody[DisputeClosure]
    ) -> Json:
        account = server.account
        with account.store.transaction():
            account.request_context = RequestContext()
            dispute = disputes.close_dispute(
                account, account.require_object("dispute", dispute_id), won=data.outcome == "won"
            )
        server.scheduler.wake()
        return strip_private_members(dispute)

    @get("/deliveries")
    async def list_deliveries(
        self, server: InjectedServer, limit: Annotated[int, QueryParameter(ge=1, le=10000)] = 100
    ) -> Json:
        """The newest deliveries in any state."""
        return {"data": server.webhook_sender.list_deliveries(limit)}

    @post("/deliveries/flush", status_code=HTTP_200_OK)
    async def flush_deliveries(self, server: InjectedServer, data: JSONBody[FlushRequest]) -> Json:
        """Return once every due delivery has been attempted."""
        due_actions.run_due_actions(server.account)
        count = await (server.webhook_sender.deliver_all() if data.all else server.webhook_sender.deliver_due())
        waiting = sum(row["state"] == "waiting" for row in server.webhook_sender.list_deliveries(-1))
        return {"tried": count, "waiting": waiting}

    @post("/reset", status_code=HTTP_200_OK)
    async def reset_account(self, server: InjectedServer) -> Json:
        """Delete everything, as after the first start."""
        server.account.store.delete_everything()
        server.account.clock.reset_offset()
        server.account.forced_declines.clear()
        server.request_faults.clear_rules()
        server.delivery_faults.clear_rules()
        return {}


def _fault_rules_response(faults: FaultRules) -> Json:
    rules: Sequence[Json] = [
        {"kind": rule.kind, "route": rule.route, "count": rule.count, "probability": rule.probability}
        for rule in faults.rules
    ]
    return {"rules": rules, "struck": faults.occurrences}


def _add_fault_rule(faults: FaultRules, request: FaultRequest, kinds: Sequence[str]) -> Json:
    if request.kind not in kinds:
        raise HTTPException(f"`kind` is one of {', '.join(kinds)}.", status_code=400)
    faults.rules.append(FaultRule(**msgspec.structs.asdict(request)))
    return {"rules": len(faults.rules)}
