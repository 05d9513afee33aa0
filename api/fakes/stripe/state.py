"""The state of the server process, injected into handlers as `server`."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.delivery import WebhookSender
from api.fakes.stripe.faults import FaultRules
from api.fakes.stripe.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class ServerState:
    """The account, injected faults, the webhook sender and the scheduler."""

    account: StripeAccount
    request_faults: FaultRules
    delivery_faults: FaultRules
    webhook_sender: WebhookSender
    scheduler: Scheduler


InjectedServer = NamedDependency[SkipValidation[ServerState]]
"""Type of a handler's `server` parameter."""
