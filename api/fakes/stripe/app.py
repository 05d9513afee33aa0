"""The application: the API, the control routes and the pages, over one account."""

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
    """An account that keeps its state in `folder`, or nowhere. `url` is where its pages are reached."""
    store = Store(folder)
    world = StripeAccount(store, Clock(store), DueActions(store), url, events.emit_event)
    deliveries = FaultRules(DELIVERY_KINDS)
    courier = WebhookSender(world, deliveries)
    return ServerState(world, FaultRules(REQUEST_KINDS), deliveries, courier, Scheduler(world, courier))


def create_app(parts: ServerState, key: str) -> Litestar:
    """The application around an account whose secret key this is."""
    gate = StripeApi(parts.account, key, parts.request_faults, parts.scheduler.wake)

    @asgi(["/v1", "/v2"], is_mount=True, copy_scope=False)
    async def serve_api(scope: Scope, receive: Receive, send: Send) -> None:
        await gate(scope, receive, send)

    @contextlib.asynccontextmanager
    async def run_background_tasks(_: Litestar) -> AsyncIterator[None]:
        beating = asyncio.create_task(parts.scheduler.run_forever())
        beating.add_done_callback(_stop_after_crash)
        yield
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await parts.webhook_sender.close()
        parts.account.store.close()

    return Litestar(
        [serve_api, ControlRoutes, CheckoutPage, PortalPages, InvoicePages],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers={StripeError: render_stripe_error},
        lifespan=[run_background_tasks],
        openapi_config=None,
        logging_config=None,
    )


def render_stripe_error(_: object, error: StripeError) -> Response[bytes]:
    """A refusal of the API where a control route meets one."""
    return Response(msgspec.json.encode(error.body), status_code=error.status, media_type="application/json")


def _stop_after_crash(task: asyncio.Task[object]) -> None:
    """Time that stands still because of a fault in here must not look like time in which nothing happens."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)
        os.kill(os.getpid(), signal.SIGTERM)
