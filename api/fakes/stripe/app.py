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
from api.fakes.stripe.account import World
from api.fakes.stripe.clock import Clock, Timetable
from api.fakes.stripe.control import Control
from api.fakes.stripe.delivery import Courier
from api.fakes.stripe.errors import StripeError
from api.fakes.stripe.faults import DELIVERY_KINDS, REQUEST_KINDS, Faults
from api.fakes.stripe.pages.checkout import Checkout
from api.fakes.stripe.pages.portal import Bills, Portal
from api.fakes.stripe.request_pipeline import Gate
from api.fakes.stripe.scheduler import Heart
from api.fakes.stripe.state import Parts
from api.fakes.stripe.store import Store


def assemble(folder: Path | None, url: str) -> Parts:
    """An account that keeps its state in `folder`, or nowhere. `url` is where its pages are reached."""
    store = Store(folder)
    world = World(store, Clock(store), Timetable(store), url, events.tell)
    deliveries = Faults(DELIVERY_KINDS)
    courier = Courier(world, deliveries)
    return Parts(world, Faults(REQUEST_KINDS), deliveries, courier, Heart(world, courier))


def create_app(parts: Parts, key: str) -> Litestar:
    """The application around an account whose secret key this is."""
    gate = Gate(parts.world, key, parts.requests, parts.heart.wake)

    @asgi(["/v1", "/v2"], is_mount=True, copy_scope=False)
    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        await gate(scope, receive, send)

    @contextlib.asynccontextmanager
    async def alive(_: Litestar) -> AsyncIterator[None]:
        beating = asyncio.create_task(parts.heart.beat())
        beating.add_done_callback(_stop_on_fall)
        yield
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await parts.courier.close()
        parts.world.store.close()

    return Litestar(
        [api, Control, Checkout, Portal, Bills],
        dependencies={"parts": Provide(lambda: parts, sync_to_thread=False)},
        exception_handlers={StripeError: _refused},
        lifespan=[alive],
        openapi_config=None,
        logging_config=None,
    )


def _refused(_: object, error: StripeError) -> Response[bytes]:
    """A refusal of the API where a control route meets one."""
    return Response(msgspec.json.encode(error.body), status_code=error.status, media_type="application/json")


def _stop_on_fall(task: asyncio.Task[object]) -> None:
    """Time that stands still because of a fault in here must not look like time in which nothing happens."""
    if not task.cancelled() and (error := task.exception()) is not None:
        traceback.print_exception(error)
        os.kill(os.getpid(), signal.SIGTERM)
