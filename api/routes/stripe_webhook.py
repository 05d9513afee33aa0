"""Stripe webhook: checks the signature, stores the event and responds before it is applied."""

import time

from litestar import Request, Router, post
from litestar.datastructures import State
from litestar.di import NamedDependency

from api.billing.events import receive
from api.billing.stripe.signatures import verify_event
from api.errors import WebhookClosed
from api.http.openapi.operations import StripeEventOperation, problem_responses
from api.http.state import AppState

LARGEST = 1_000_000  # bytes; an event with a long invoice in it has some ten thousand


@post(
    "/stripe",
    operation_id="receive_stripe_event",
    summary="Receive an event from Stripe",
    operation_class=StripeEventOperation,
    status_code=204,
    request_max_body_size=LARGEST,
    responses=problem_responses(400, 413, 503),
)
async def receive_stripe_event(request: Request[None, None, State], app_state: NamedDependency[AppState]) -> None:
    """Receive a signed snapshot or thin event from Stripe.

    Each event is stored once; its object is then read from Stripe and applied. 503 if no signing secret is set.
    """
    if not app_state.settings.stripe_webhook_secrets:
        raise WebhookClosed
    header = request.headers.get("stripe-signature", "")
    event = verify_event(await request.body(), header, app_state.settings.stripe_webhook_secrets, time.time())
    await receive.receive_event(app_state.pool, app_state.wakeups, event)


router = Router(
    path="/webhooks",
    route_handlers=[receive_stripe_event],
    tags=["Billing"],
    opt={"exclude_from_auth": True, "uncounted": True},
)
