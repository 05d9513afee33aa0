"""What every route and every step works with: the objects, the clock, and the telling of events."""

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
"""The version of Stripe's API whose shapes these are."""
PRIVATE = "_local"
"""A member of objects that nobody outside sees."""


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh id, as Stripe's look."""
    return prefix + "".join(secrets.choice(LETTERS) for _ in range(length))


def strip_private_members(thing: Json) -> Json:
    """The object as it is shown."""
    return {name: value for name, value in thing.items() if name != PRIVATE}


@dataclass(slots=True)
class RequestContext:
    """The request on whose behalf something happens; both None when it happens by itself."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class ForcedDecline:
    """Payments of a customer that are to fail: how many yet (None: all), and with which decline."""

    remaining: int | None
    decline_code: str


EventEmitter = Callable[["StripeAccount", str, Json, Json | None], None]


@dataclass(slots=True)
class StripeAccount:
    """The account. `url` is where its pages are reached."""

    store: Store
    clock: Clock
    due_actions: DueActions
    base_url: str
    event_emitter: EventEmitter
    request_context: RequestContext = field(default_factory=RequestContext)
    forced_declines: dict[str, ForcedDecline] = field(default_factory=dict)

    def now(self) -> int:
        """Seconds since 1970 on the double's clock."""
        return self.clock.now()

    def require_object(self, kind: str, ident: str, *, param: str | None = None) -> Json:
        """The object, or Stripe's refusal; `param` is the parameter that names it, if the path does not."""
        found = self.store.get_object(kind, ident)
        if found is None:
            raise errors.not_found(kind, ident, param=param)
        return found

    def emit_event(self, kind: str, thing: Json, before: Json | None = None) -> None:
        """Make an event of what happened; `before` holds the members that changed, as they were."""
        self.event_emitter(self, kind, thing, before)

    def create_object(self, thing: Json, event: str | None = None) -> Json:
        """Keep a new object and tell of it."""
        self.store.put_object(thing)
        if event is not None:
            self.emit_event(event, thing)
        return thing

    def update_object(self, thing: Json, event: str | None = None) -> Json:
        """Keep a changed object; tell what it was before, if anything that shows did change."""
        old = self.store.get_object(thing["object"], thing["id"]) or {}
        before = {name: value for name, value in strip_private_members(old).items() if thing.get(name) != value}
        self.store.put_object(thing)
        if event is not None and before:
            self.emit_event(event, thing, before)
        return thing
