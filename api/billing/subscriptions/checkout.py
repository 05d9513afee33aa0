"""What is sold, asked for by name: a subscription, packs of credits, and the portal for what comes after."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from api.billing.stripe import checkout_sessions
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.subscriptions import customers
from api.billing.subscriptions.checkout_pages import CheckoutPages, refuse_second_subscription
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff, TariffPack
from api.errors import Invalid, PaymentsRefused
from api.schemas.billing import Checkout, CheckoutCreate, PackCheckoutCreate, Portal, PortalCreate
from api.settings import Settings, is_loopback
from api.sql.checkouts import CheckoutRow as Row
from api.sql.checkouts import CheckoutTerms
from api.sql.connection import Pool

Offer = TypeVar("Offer", TariffPlan, TariffPack)


class Purchases:
    """The shop's counter. Everything it sells is the newest version of the tariff."""

    def __init__(self, settings: Settings, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._settings = settings
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._checkouts = CheckoutPages(pool, stripe, tariff, prices)

    async def open_subscription_checkout(self, user_id: str, asked: CheckoutCreate) -> Checkout:
        """A page to begin a subscription at, with a trial for whoever had none. Raises Subscribed."""
        plan = _find_offer((plan for plan in self._tariff.offered_plans() if plan.amount), asked.plan, "plan")
        self._check_return_urls(success_url=asked.success_url, cancel_url=asked.cancel_url)
        buyer = await customers.prepare_buyer(self._pool, self._stripe, user_id)
        had = await self._stripe.subscriptions(buyer.customer)
        refuse_second_subscription(had)
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
        return self._checkout_response(await self._checkouts.get_or_open(buyer, wanted), plan.amount)

    async def open_pack_checkout(self, user_id: str, asked: PackCheckoutCreate) -> Checkout:
        """A page to buy packs at."""
        pack = _find_offer(self._tariff.offered_packs(), asked.pack, "pack")
        self._check_return_urls(success_url=asked.success_url, cancel_url=asked.cancel_url)
        buyer = await customers.prepare_buyer(self._pool, self._stripe, user_id)
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
        return self._checkout_response(await self._checkouts.get_or_open(buyer, wanted), pack.amount * asked.quantity)

    async def open_portal(self, user_id: str, asked: PortalCreate) -> Portal:
        """The page at which bills, cards and the end of a subscription are looked after."""
        self._check_return_urls(return_url=asked.return_url)
        buyer = await customers.prepare_buyer(self._pool, self._stripe, user_id)
        page = await checkout_sessions.portal(self._stripe, buyer.customer, buyer.locale, asked.return_url)
        return Portal(url=page.url)

    def _checkout_response(self, row: Row, amount: int) -> Checkout:
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

    def _check_return_urls(self, **urls: str | None) -> None:
        """Raise Invalid for an address to which Stripe must not send people."""
        for param, url in urls.items():
            if url is not None and not is_return_url_allowed(url, self._settings.app_schemes):
                own = ", ".join(f"{scheme}://" for scheme in self._settings.app_schemes) or "none is set"
                ways = f"https://, http:// on this machine, or a scheme of KINORA_APP_SCHEMES ({own})"
                raise Invalid(f"`{param}` takes an address with {ways}.", param=param)


def _find_offer(offered: Iterable[Offer], name: str, param: str) -> Offer:
    """What is sold under this name. Raises Invalid."""
    sold = {each.name: each for each in offered}
    if name not in sold:
        raise Invalid(f"`{param}` takes what is sold here: {', '.join(sold) or 'nothing'}.", param=param)
    return sold[name]


def is_return_url_allowed(url: str, schemes: Sequence[str]) -> bool:
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
