"""The Litestar application: Stripe's API, the control routes and the pages of one account."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from litestar import Litestar, Response, asgi
from litestar.di import Provide
from litestar.types import Receive, Scope, Send

from api.fakes.stripe import events
from api.fakes.stripe.account import StripeAccount
from api.fakes.stripe.clock import Clock, DueActions
from api.fakes.stripe.control import ControlRoutes
from api.fakes.stripe.delivery import WebhookSender
from api.fakes.stripe.errors import StripeError
from api.fakes.stripe.faults import DELIVERY_KINDS, REQUEST_KINDS, FaultRules
from api.fakes.stripe.pages.checkout import CheckoutPage
from api.fakes.stripe.pages.portal import InvoicePages, PortalPages
from api.fakes.stripe.request_pipeline import StripeApi
from api.fakes.stripe.scheduler import Scheduler
from api.fakes.stripe.state import ServerState
from api.fakes.stripe.store import Store


def assemble_server(folder: Path | None, url: str) -> ServerState:
    """The state of a server whose account is stored in `folder`, or in memory if it is None."""
    store = Store(folder)
    account = StripeAccount(store, Clock(store), DueActions(store), url, events.emit_event)
    deliveries = FaultRules(DELIVERY_KINDS)
    courier = WebhookSender(account, deliveries)
    return ServerState(account, FaultRules(REQUEST_KINDS), deliveries, courier, Scheduler(account, courier))


def create_app(server: ServerState, key: str) -> Litestar:
    """The application; `key` is the account's secret key."""
    stripe_api = StripeApi(server.account, key, server.request_faults, server.scheduler.wake)

    @asgi(["/v1", "/v2"], is_mount=True, copy_scope=False)
    async def serve_api(scope: Scope, receive: Receive, send: Send) -> None:
        await stripe_api(scope, receive, send)

    @contextlib.asynccontextmanager
    async def run_background_tasks(_: Litestar) -> AsyncIterator[None]:
        scheduler_task = asyncio.create_task(server.scheduler.run_forever())
        scheduler_task.add_done_callback(_stop_after_crash)
        yield
        scheduler_task.cancel()
        await asyncio.gather(scheduler_task, return_exceptions=True)
        await server.webhook_sender.close()
        server.account.store.close()

    return Litestar(
        [serve_api, ControlRoutes, CheckoutPage, PortalPages, InvoicePages],
        dependencies={"server": Provide(lambda: server, sync_to_thread=False)},
        exception_handlers={StripeError: render_stripe_error},
        lifespan=[run_background_tasks],
        openapi_config=None,
        logging_config=None,
    )


def render_stripe_error(_: object, error: StripeError) -> Response[bytes]:
    """A Stripe error raised by a control route."""
    return Response(msgspec.json.encode(error.body), status_code=error.status, media_type="application/json")


def _stop_after_crash(task: asyncio.Task[object]) -> None:
    """Stop the process when the scheduler has crashed, so that a stopped clock is not mistaken for an idle one."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)
        os.kill(os.getpid(), signal.SIGTERM)
