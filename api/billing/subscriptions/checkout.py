"""Checkouts and portal sessions, requested by the name of a plan or a pack. Sells the newest version of the tariff."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from api.billing.stripe import customers, reads
from api.billing.stripe.client import Stripe
from api.billing.stripe.lookup_keys import PriceCatalog
from api.billing.subscriptions.buyers import Buyer, prepare_buyer
from api.billing.subscriptions.checkout_pages import CheckoutPages, refuse_second_subscription
from api.billing.tariff.plans import TariffPlan
from api.billing.tariff.tariff import Tariff, TariffPack
from api.errors import Invalid, PaymentRequestRejected
from api.schemas.billing import Checkout, CheckoutCreate, PackCheckoutCreate, Portal, PortalCreate
from api.schemas.common import unix_seconds
from api.settings import Settings, is_loopback
from api.sql.checkouts import CheckoutRow, CheckoutTerms
from api.sql.connection import Pool

Offer = TypeVar("Offer", TariffPlan, TariffPack)


class Purchases:
    """Opens the pages on which users buy."""

    def __init__(self, settings: Settings, pool: Pool, stripe: Stripe, tariff: Tariff, prices: PriceCatalog) -> None:
        self._settings = settings
        self._pool = pool
        self._stripe = stripe
        self._tariff = tariff
        self._pages = CheckoutPages(pool, stripe, tariff, prices)

    async def open_subscription_checkout(self, user_id: str, request: CheckoutCreate) -> Checkout:
        """A page for a subscription, with a trial for a user who has had none. Raises AlreadySubscribed."""
        plan = _find_offer((plan for plan in self._tariff.offered_plans() if plan.amount), request.plan, "plan")
        buyer = await self._prepare_buyer(user_id, request)
        subscriptions = await reads.list_subscriptions(self._stripe, buyer.customer)
        refuse_second_subscription(subscriptions)
        trialled = buyer.trialled or any(subscription.trial_start for subscription in subscriptions)
        terms = CheckoutTerms(
            kind="subscription",
            item=plan.name,
            version=plan.version,
            quantity=1,
            trial_days=0 if trialled else plan.trial_days,
            locale=buyer.locale,
            success_url=request.success_url,
            cancel_url=request.cancel_url,
        )
        return self._checkout_response(await self._pages.get_or_open(buyer, terms), plan.amount)

    async def open_pack_checkout(self, user_id: str, request: PackCheckoutCreate) -> Checkout:
        """A page for credit packs."""
        pack = _find_offer(self._tariff.offered_packs(), request.pack, "pack")
        buyer = await self._prepare_buyer(user_id, request)
        terms = CheckoutTerms(
            kind="pack",
            item=pack.name,
            version=pack.version,
            quantity=request.quantity,
            trial_days=0,
            locale=buyer.locale,
            success_url=request.success_url,
            cancel_url=request.cancel_url,
        )
        return self._checkout_response(await self._pages.get_or_open(buyer, terms), pack.amount * request.quantity)

    async def open_portal(self, user_id: str, request: PortalCreate) -> Portal:
        """A page for invoices, cards and cancellation."""
        self._check_return_urls(return_url=request.return_url)
        buyer = await prepare_buyer(self._pool, self._stripe, user_id)
        session = await customers.create_portal_session(self._stripe, buyer.customer, buyer.locale, request.return_url)
        return Portal(url=session.url)

    async def _prepare_buyer(self, user_id: str, request: CheckoutCreate | PackCheckoutCreate) -> Buyer:
        self._check_return_urls(success_url=request.success_url, cancel_url=request.cancel_url)
        return await prepare_buyer(self._pool, self._stripe, user_id)

    def _checkout_response(self, row: CheckoutRow, amount: int) -> Checkout:
        if row.url is None or row.expires_at is None:
            raise PaymentRequestRejected(f"The checkout {row.session} has no address.")
        return Checkout(
            id=row.id,
            kind=row.kind,
            item=row.item,
            quantity=row.quantity,
            amount=amount,
            currency=self._tariff.currency,
            trial_days=row.trial_days,
            url=row.url,
            expires_at=unix_seconds(row.expires_at),
        )

    def _check_return_urls(self, **urls: str | None) -> None:
        """Raise Invalid for a URL to which Stripe must not send people."""
        for param, url in urls.items():
            if url is not None and not is_return_url_allowed(url, self._settings.app_schemes):
                own = ", ".join(f"{scheme}://" for scheme in self._settings.app_schemes) or "none is set"
                ways = f"https://, http:// on this machine, or a scheme of KINORA_APP_SCHEMES ({own})"
                raise Invalid(f"`{param}` takes an address with {ways}.", param=param)


def _find_offer(offers: Iterable[Offer], name: str, param: str) -> Offer:
    """The plan or pack of this name among those on sale. Raises Invalid."""
    by_name = {offer.name: offer for offer in offers}
    if name not in by_name:
        raise Invalid(f"`{param}` takes what is sold here: {', '.join(by_name) or 'nothing'}.", param=param)
    return by_name[name]


def is_return_url_allowed(url: str, schemes: Sequence[str]) -> bool:
    """True for https, for http on this machine, and for the schemes of the operator's own apps.

    The caller chooses the URL, so anything else would let our page send people anywhere.
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
