"""What is sold, asked for by name: a subscription, packs of credits, and the portal for what comes after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from api.billing.stripe import checkout_sessions
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import Catalogue
from api.billing.subscriptions import customers
from api.billing.subscriptions.checkout_pages import Checkouts, refuse_second
from api.billing.tariff.plans import Plan
from api.billing.tariff.tariff import Pack, Tariff
from api.errors import Invalid, PaymentsRefused
from api.schemas.billing import Checkout, CheckoutCreate, PackCheckoutCreate, Portal, PortalCreate
from api.settings import Settings, is_loopback
from api.sql.checkouts import CheckoutRow as Row
from api.sql.checkouts import CheckoutTerms
from api.sql.connection import Pool

Ware = TypeVar("Ware", Plan, Pack)


class Purchases:
    """The shop's counter. Everything it sells is the newest version of the tariff."""

    def __init__(self, settings: Settings, pool: Pool, stripe: Stripe, tariff: Tariff, prices: Catalogue) -> None:
        self._settings = settings
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._checkouts = Checkouts(pool, stripe, tariff, prices)

    async def subscribe(self, user_id: str, asked: CheckoutCreate) -> Checkout:
        """A page to begin a subscription at, with a trial for whoever had none. Raises Subscribed."""
        plan = _sold((plan for plan in self._tariff.offered() if plan.amount), asked.plan, "plan")
        self._landings(success_url=asked.success_url, cancel_url=asked.cancel_url)
        buyer = await customers.buyer(self._pool, self._stripe, user_id)
        had = await self._stripe.subscriptions(buyer.customer)
        refuse_second(had)
        trialled = buyer.trialled or any(one.trial_start for one in had)
        wanted = CheckoutTerms(
            kind="subscription",
            item=plan.name,
            version=plan.version,
            quantity=1,
            trial_days=0 if trialled else plan.trial_days,
            locale=buyer.locale,
            success_url=asked.success_url,
            cancel_url=asked.cancel_url,
        )
        return self._shown(await self._checkouts.page(buyer, wanted), plan.amount)

    async def buy(self, user_id: str, asked: PackCheckoutCreate) -> Checkout:
        """A page to buy packs at."""
        pack = _sold(self._tariff.offered_packs(), asked.pack, "pack")
        self._landings(success_url=asked.success_url, cancel_url=asked.cancel_url)
        buyer = await customers.buyer(self._pool, self._stripe, user_id)
        wanted = CheckoutTerms(
            kind="pack",
            item=pack.name,
            version=pack.version,
            quantity=asked.quantity,
            trial_days=0,
            locale=buyer.locale,
            success_url=asked.success_url,
            cancel_url=asked.cancel_url,
        )
        return self._shown(await self._checkouts.page(buyer, wanted), pack.amount * asked.quantity)

    async def portal(self, user_id: str, asked: PortalCreate) -> Portal:
        """The page at which bills, cards and the end of a subscription are looked after."""
        self._landings(return_url=asked.return_url)
        buyer = await customers.buyer(self._pool, self._stripe, user_id)
        page = await checkout_sessions.portal(self._stripe, buyer.customer, buyer.locale, asked.return_url)
        return Portal(url=page.url)

    def _shown(self, row: Row, amount: int) -> Checkout:
        if row.url is None or row.expires_at is None:
            raise PaymentsRefused(f"The checkout {row.session} has no address.")
        return Checkout(
            id=row.id,
            kind=row.kind,
            item=row.item,
            quantity=row.quantity,
            amount=amount,
            currency=self._tariff.currency,
            trial_days=row.trial_days,
            url=row.url,
            expires_at=int(row.expires_at.timestamp()),
        )

    def _landings(self, **urls: str | None) -> None:
        """Raise Invalid for an address to which Stripe must not send people."""
        for param, url in urls.items():
            if url is not None and not lands(url, self._settings.app_schemes):
                own = ", ".join(f"{scheme}://" for scheme in self._settings.app_schemes) or "none is set"
                ways = f"https://, http:// on this machine, or a scheme of KINORA_APP_SCHEMES ({own})"
                raise Invalid(f"`{param}` takes an address with {ways}.", param=param)


def _sold(offered: Iterable[Ware], name: str, param: str) -> Ware:
    """What is sold under this name. Raises Invalid."""
    sold = {each.name: each for each in offered}
    if name not in sold:
        raise Invalid(f"`{param}` takes what is sold here: {', '.join(sold) or 'nothing'}.", param=param)
    return sold[name]


def lands(url: str, schemes: Sequence[str]) -> bool:
    """Whether a page may lead here: over the web safely, to this very machine, or into the operator's own app.

    Whoever asks names the address, so anything else would let our page send people anywhere.
    """
    if re.search(r"[\s\x00-\x1f\x7f\\]", url):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None:
        return False
    if parts.scheme in ("http", "https"):
        return bool(host) and (parts.scheme == "https" or is_loopback(host))
    return parts.scheme in schemes
