"""Two databases that hear of the same events of the Stripe double: one in order, the other in every disorder."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis

from api.billing.events import receive
from api.billing.events.handlers import EventHandlers
from api.billing.events.inbox import Inbox
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_types import EVENTS
from api.billing.stripe.signatures import verify_event
from api.local.servers import Servers
from api.messaging.events import CommandOutbox
from api.messaging.wakeups import Wakeups
from api.settings import Settings
from api.sql.connection import Pool, connect
from tests.conftest import cloned_database
from tests.support.customer_histories import SOLD, CustomerActions
from tests.support.stripe_process import StripeProcess, run_stripe_process

DROPPED = 0.12
MOST_COPIES = 5
WORKERS = 3


class LossyReceiver:
    """Where the double delivers. What is to be lost is refused, every time it comes."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.bodies: dict[str, bytes] = {}
        self.lost: set[str] = set()
        self.fresh: list[bytes] = []
        self.losing = True

    async def serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests on one connection until it is closed."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-le")
                )
                status = self._record_delivery(await reader.readexactly(length))
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    def _record_delivery(self, body: bytes) -> int:
        name = msgspec.json.decode(body)["id"]
        if name not in self.bodies:
            self.bodies[name] = body
            self.fresh.append(body)
            if self.losing and self._chance.random() < DROPPED:
                self.lost.add(name)
        return 500 if name in self.lost else 200


class BillingDatabase(NamedTuple):
    """A database with its workers."""

    pool: Pool
    stripe: Stripe
    wakeups: Wakeups

    async def apply_due_events(self, workers: int = 1) -> None:
        """Apply everything that is due or was put off, until nothing is left."""
        applying = EventHandlers(self.pool, self.stripe, SOLD)
        while await self._has_unapplied_events():
            await asyncio.gather(*(Inbox(self.pool, applying.apply_event).drain() for _ in range(workers)))
            async with self.pool.acquire() as db:
                assert not await db.fetch("SELECT id, error FROM stripe_events WHERE error IS NOT NULL")

    async def _has_unapplied_events(self) -> bool:
        async with self.pool.acquire() as db:
            return bool(await db.fetchval("SELECT count(*) FROM stripe_events WHERE applied_at IS NULL"))

    async def receive_and_apply(self, bodies: list[bytes]) -> None:
        """Take in events and apply them, by several workers at once."""
        for body in bodies:
            await self.receive_event(body)
        await self.apply_due_events(WORKERS)

    async def receive_event(self, body: bytes) -> None:
        """Take in an event as the route does: signed, and read by what the signature covers."""
        moment = time.time()
        mac = hmac.new(b"whsec_x", f"{int(moment)}.".encode() + body, hashlib.sha256).hexdigest()
        await receive.receive_event(
            self.pool, self.wakeups, verify_event(body, f"t={int(moment)},v1={mac}", ["whsec_x"], moment)
        )


class EventOrders(NamedTuple):
    """The double, who receives its events, and the two databases."""

    stripe_process: StripeProcess
    receiver: LossyReceiver
    orderly: BillingDatabase
    disorderly: BillingDatabase
    world: CustomerActions


@asynccontextmanager
async def open_event_orders(
    settings: Settings, servers: Servers, redis: Redis, seed: int
) -> AsyncIterator[EventOrders]:
    async with AsyncExitStack() as stack:
        stripe_process = await stack.enter_async_context(run_stripe_process(settings))
        receiver = LossyReceiver(seed)
        server = await asyncio.start_server(receiver.serve_connection, "127.0.0.1", 0)
        await stack.enter_async_context(server)
        port = server.sockets[0].getsockname()[1]
        await stripe_process.create_prices()
        await stripe_process.add_webhook_endpoint(f"http://127.0.0.1:{port}/", list(EVENTS))
        orderly = await stack.enter_async_context(open_billing_database(stripe_process, servers, redis))
        disorderly = await stack.enter_async_context(open_billing_database(stripe_process, servers, redis))
        yield EventOrders(
            stripe_process,
            receiver,
            orderly,
            disorderly,
            CustomerActions(stripe_process, [orderly.pool, disorderly.pool]),
        )


@asynccontextmanager
async def open_billing_database(
    stripe_process: StripeProcess, servers: Servers, redis: Redis
) -> AsyncIterator[BillingDatabase]:
    stripe = Stripe(msgspec.structs.replace(stripe_process.settings, stripe_webhook_secrets=["whsec_x"]), pause=0.02)
    async with cloned_database(servers) as url:
        pool = await connect(url, connections=24)
        yield BillingDatabase(pool, stripe, Wakeups(redis, CommandOutbox(redis)))
        await pool.close()
        await stripe.close()


async def apply_in_order(scene: EventOrders) -> None:
    """Everything so far reaches the orderly database, in order."""
    await scene.stripe_process.call_control_route("deliveries/flush")
    fresh, scene.receiver.fresh = scene.receiver.fresh, []
    for body in fresh:
        await scene.orderly.receive_event(body)
    await scene.orderly.apply_due_events()


def draw_deliveries(receiver: LossyReceiver, seed: int) -> list[bytes]:
    """What the other database hears: all that was not lost, several times, in any order, in either form."""
    chance = random.Random(seed)
    copies = [
        body
        for name, body in receiver.bodies.items()
        if name not in receiver.lost
        for _ in range(chance.randint(1, MOST_COPIES))
    ]
    chance.shuffle(copies)
    return [to_thin_event(body) if chance.random() < 0.3 else body for body in copies]


def to_thin_event(body: bytes) -> bytes:
    """The same news as a thin event, which has an id of its own."""
    event = msgspec.json.decode(body)
    about = event["data"]["object"]
    related = {"id": about["id"], "type": about["object"], "url": "/"}
    return msgspec.json.encode(
        {"id": event["id"] + "_thin", "object": "v2.core.event", "type": f"v1.{event['type']}",
         "created": "2026-11-25T12:00:00.000Z", "related_object": related}
    )  # fmt: skip
