"""The Stripe account that routes and simulation work on: stored objects, clock, due actions and events."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field

from api.fakes.stripe import errors
from api.fakes.stripe.clock import Clock, DueActions
from api.fakes.stripe.errors import Json
from api.fakes.stripe.store import Store

LETTERS = string.ascii_letters + string.digits
VERSION = "2026-10-28.endive"
"""The version of Stripe's API that is implemented."""
PRIVATE = "_local"
"""Member of stored objects that holds internal state and is never sent."""


def new_id(prefix: str, length: int = 24) -> str:
    """A random id in Stripe's format."""
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(length))


def strip_private_members(obj: Json) -> Json:
    """The object without its internal state."""
    return {name: value for name, value in obj.items() if name != PRIVATE}


@dataclass(slots=True)
class RequestContext:
    """The API request that causes events; both None for what happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class ForcedDecline:
    """A customer's payments that fail on demand: how many are left (None: all), and the decline code."""

    remaining: int | None
    decline_code: str


EventEmitter = Callable[["StripeAccount", str, Json, Json | None], None]


@dataclass(slots=True)
class StripeAccount:
    """The account. `base_url` is where its pages are served."""

    store: Store
    clock: Clock
    due_actions: DueActions
    base_url: str
    event_emitter: EventEmitter
    request_context: RequestContext = field(default_factory=RequestContext)
    forced_declines: dict[str, ForcedDecline] = field(default_factory=dict)

    def now(self) -> int:
        """Unix time in seconds on the account's clock."""
        return self.clock.now()

    def require_object(self, kind: str, object_id: str, *, param: str | None = None) -> Json:
        """The stored object. Raises StripeError; `param` names the parameter it came from, None means the path."""
        obj = self.store.get_object(kind, object_id)
        if obj is None:
            raise errors.not_found(kind, object_id, param=param)
        return obj

    def emit_event(self, event_type: str, obj: Json, previous: Json | None = None) -> None:
        """Emit an event about an object; `before` holds the previous values of changed members."""
        self.event_emitter(self, event_type, obj, previous)

    def create_object(self, obj: Json, event_type: str | None = None) -> Json:
        """Store a new object and emit `event` for it."""
        self.store.put_object(obj)
        if event_type is not None:
            self.emit_event(event_type, obj)
        return obj

    def update_object(self, obj: Json, event_type: str | None = None) -> Json:
        """Store a changed object; emit `event` with the previous values if any public member changed."""
        old = self.store.get_object(obj["object"], obj["id"]) or {}
        previous = {name: value for name, value in strip_private_members(old).items() if obj.get(name) != value}
        self.store.put_object(obj)
        if event_type is not None and previous:
            self.emit_event(event_type, obj, previous)
        return obj
