"""The fake Stripe that `kinora up` starts where no key is set: its process and its provisioning with the tariff.

It behaves as Stripe does and moves no money. Its state is in `data/stripe`, beside what this server stores about it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
from msgspec import Struct

from api.billing.stripe import provision
from api.billing.stripe.client import Stripe
from api.billing.stripe.event_destinations import EventDestinations, WebhookEndpoints
from api.local.child_process import Child, Program, retry_until_ready
from api.settings import Settings, bracket_host

READY_WITHIN = 60.0
"""Seconds until it must answer."""
STATE_FILE = "known.json"


class FakeStripeState(Struct, frozen=True):
    """Its key, and the signing secrets of the endpoint it sends events to."""

    key: str
    endpoint: str = ""
    secrets: list[str] = []


class RunningFakeStripe(NamedTuple):
    """The process, the settings with which others reach it, and the URL of its pages."""

    child: Child
    settings: Settings
    pages: str


@contextlib.asynccontextmanager
async def run_fake_stripe(
    settings: Settings, listener: socket.socket, *, reached: str, api: str, log: Path | None
) -> AsyncIterator[RunningFakeStripe]:
    """Run it until the block ends. It listens on `listener`, reachable at `reached`, and sends events to `api`.

    Raises ChildEndedError and TimeoutError if it does not answer, ProvisionError if the tariff's prices have changed.
    """
    folder = settings.data / "stripe"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = _read_state(folder / STATE_FILE) or FakeStripeState(f"sk_test_{secrets.token_hex(16)}")
    pages = _pages_url(settings, listener)
    child = Child(_fake_stripe_program(folder, listener, known.key, pages, log))
    await child.start()
    try:
        await retry_until_ready(lambda: _check_ready(reached), (httpx.TransportError,), child, READY_WITHIN)
        found = msgspec.structs.replace(settings, stripe_key=known.key, stripe_url=reached)
        known = await _provision_account(found, known, api)
        _write_state(folder / STATE_FILE, known)
        yield RunningFakeStripe(child, msgspec.structs.replace(found, stripe_webhook_secrets=known.secrets), pages)
    finally:
        await child.stop()


def _fake_stripe_program(folder: Path, listener: socket.socket, key: str, pages: str, log: Path | None) -> Program:
    handed = ("--fd", str(listener.fileno()), "--data", str(folder), "--key", key, "--url", pages)
    return Program(
        name="the fake Stripe",
        argv=[sys.executable, "-m", "api.fakes.stripe", *handed],
        env=os.environ,
        log=log,
        inherited_fds=(listener.fileno(),),
    )


def _pages_url(settings: Settings, listener: socket.socket) -> str:
    """The URL of its pages for a browser, on the host of this API, which the browser has reached already."""
    host = httpx.URL(settings.public_url).host if settings.public_url else settings.host
    port = listener.getsockname()[1]
    return f"http://{bracket_host(host)}:{port}"


async def _check_ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.get(f"{url}/_local/clock", timeout=5.0)).raise_for_status()


async def _provision_account(settings: Settings, known: FakeStripeState, api: str) -> FakeStripeState:
    """Provision the tariff and the event endpoint at this address alone; returns the state to store."""
    endpoint = api + provision.PATH
    anew = known.endpoint != endpoint
    done = await provision.provision_account(settings, origin=api, new_secrets=anew)
    if not anew:
        return FakeStripeState(known.key, endpoint, [*known.secrets, *done.secrets])
    if known.endpoint:
        await _delete_endpoint(settings, known.endpoint)
    return FakeStripeState(known.key, endpoint, done.secrets)


async def _delete_endpoint(settings: Settings, endpoint: str) -> None:
    """Stop events to an address that is no longer used."""
    stripe = Stripe(settings)
    try:
        for targets in (WebhookEndpoints(stripe), EventDestinations(stripe)):
            for target in await targets.find_by_url(endpoint):
                await targets.delete_target(target)
    finally:
        await stripe.close()


def _read_state(path: Path) -> FakeStripeState | None:
    return msgspec.json.decode(path.read_bytes(), type=FakeStripeState) if path.exists() else None


def _write_state(path: Path, known: FakeStripeState) -> None:
    """Replace the file atomically, readable by its owner only."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(known))
    fresh.replace(path)
