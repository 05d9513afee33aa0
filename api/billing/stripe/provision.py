"""Brings a Stripe account in line with our tariff: meter, products, prices, portal, and where events go.

It makes what is missing and changes what may change. It never changes a price: somebody has bought it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from api import ids
from api.billing.stripe import customers, lookup_keys, reads
from api.billing.stripe.client import Stripe, none_if_missing
from api.billing.stripe.event_destinations import EventDestinations, EventTargets, WebhookEndpoints
from api.billing.stripe.event_objects import Meter
from api.billing.stripe.meters import METER, find_meter
from api.billing.stripe.objects import PortalConfiguration, Product, StripePrice
from api.billing.tariff import tariff
from api.billing.tariff.tariff import Tariff
from api.settings import Settings

PATH = "/v1/webhooks/stripe"
FEATURES: dict[str, Any] = {
    "customer_update": {"enabled": True, "allowed_updates": ["address", "name", "tax_id"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
    "subscription_update": {"enabled": False},  # our own route does it, for the price that was shown
}
REVISION = hashlib.sha256(msgspec.json.encode(FEATURES, order="deterministic")).hexdigest()[:16]


class ProvisionError(Exception):
    """The account cannot be brought in line; the message says what to change."""


class PriceSpec(Struct, frozen=True, kw_only=True):
    """A price as it should be. `amount` is decimal text, in the currency's smallest unit."""

    product: str
    title: str
    key: str
    amount: str
    currency: str
    monthly: bool = False
    meter: str | None = None

    @property
    def cost_text(self) -> str:
        """What it costs, for a person."""
        unit = " a credit" if self.meter is not None else " a month" if self.monthly else ""
        return f"{self.amount} {self.currency}{unit}, in smallest units"

    @property
    def create_params(self) -> Any:
        """The same, for Stripe."""
        every: dict[str, Any] = {"interval": "month"}
        if self.meter is not None:
            every |= {"usage_type": "metered", "meter": self.meter}
        return {
            "product": self.product,
            "currency": self.currency,
            "lookup_key": self.key,
            "unit_amount_decimal": Decimal(self.amount),
            **({"recurring": every} if self.monthly else {}),
        }


async def provision_account(
    settings: Settings, *, write: bool = True, new_secrets: bool = False, origin: str | None = None
) -> AccountSync:
    """One round over the account that the settings name; `origin` where Stripe finds us, if not at our public address.

    Raises SyncError, TariffError and what Stripe raises.
    """
    stripe = Stripe(settings)
    try:
        round = AccountSync(stripe, tariff.load_tariff(settings.tariff), write=write)
        await round.sync_all(origin or public_origin(settings), new_secrets=new_secrets)
    finally:
        await stripe.close()
    return round


def public_origin(settings: Settings) -> str | None:
    """Where Stripe reaches this server; None where it cannot, because no public address is set."""
    reachable = settings.origin.startswith("https://") or settings.stripe_url
    return settings.origin if reachable else None


class AccountSync:
    """One round over the account. With `write` off it only says what it would do.

    `said` has a sentence for each thing done, `secrets` the signing secrets of what was made, which Stripe shows this
    once. Its methods raise SyncError and what Stripe raises.
    """

    def __init__(self, stripe: Stripe, sold: Tariff, *, write: bool = True, round: str | None = None) -> None:
        self._stripe = stripe
        self._sold = sold
        self._write = write
        self._round = round or ids.new("sync")
        self.steps: list[str] = []
        self.secrets: list[str] = []

    async def sync_all(self, origin: str | None, *, new_secrets: bool = False) -> None:
        """All of it. `origin` is where this server is reached from outside; None leaves events alone."""
        await self.sync_prices()
        await self.ensure_portal()
        if origin:
            for targets in (WebhookEndpoints(self._stripe), EventDestinations(self._stripe)):
                await self.ensure_event_target(targets, origin.rstrip("/") + PATH, new_secret=new_secrets)

    def _plan_step(self, sentence: str) -> bool:
        """Note what is to be done; answer whether to do it."""
        self.steps.append(sentence)
        return self._write

    async def sync_prices(self) -> None:
        """The meter, and a product and a price for everything that is offered."""
        articles = list(_price_specs(self._sold, await self._ensure_meter()))
        keys = [article.key for article in articles]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ProvisionError(
                f"Two things of the tariff would be called {twice} at Stripe: call one of them otherwise."
            )
        there = await reads.list_prices(self._stripe, keys)
        for product, title in {article.product: article.title for article in articles}.items():
            await self._ensure_product(product, title)
        for article in articles:
            await self._ensure_price(article, there.get(article.key))

    async def _ensure_meter(self) -> str:
        """The id of what counts usage."""
        found = await find_meter(self._stripe)
        if found is None and self._plan_step(f"made the meter {METER}"):
            found = await self._stripe.create_once(
                f"{self._round}:meter",
                lambda: find_meter(self._stripe),
                lambda c, options: c.v1.billing.meters.create_async(
                    {
                        "display_name": "Kinora overage",
                        "event_name": METER,
                        "default_aggregation": {"formula": "sum"},
                        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                        "value_settings": {"event_payload_key": "value"},
                    },
                    options,
                ),
                Meter,
            )
        return found.id if found else ""

    async def _ensure_product(self, name: str, title: str) -> None:
        """A product under an id of ours."""
        found = await self._find_product(name)
        if found is None:
            if self._plan_step(f"made the product {name}"):
                await self._stripe.create_once(
                    f"{self._round}:{name}",
                    lambda: self._find_product(name),
                    lambda c, options: c.v1.products.create_async({"id": name, "name": title}, options),
                    Product,
                )
        elif (found.name != title or not found.active) and self._plan_step(f"changed the product {name}"):
            wanted: Any = {"name": title, "active": True}
            await self._stripe.request(lambda c: c.v1.products.update_async(name, wanted), Product)

    async def _find_product(self, name: str) -> Product | None:
        return await none_if_missing(self._stripe.request(lambda c: c.v1.products.retrieve_async(name), Product))

    async def _ensure_price(self, article: PriceSpec, there: StripePrice | None) -> None:
        """A price under a key of ours."""
        if there is not None:
            _check_unchanged(article, there)
        elif self._plan_step(f"made the price {article.key}: {article.cost_text}"):
            await self._stripe.create_once(
                f"{self._round}:{article.key}",
                lambda: self._find_price(article.key),
                lambda c, options: c.v1.prices.create_async(article.create_params, options),
                StripePrice,
            )

    async def _find_price(self, key: str) -> StripePrice | None:
        return (await reads.list_prices(self._stripe, [key])).get(key)

    async def ensure_portal(self) -> None:
        """What customers may do themselves, known by its metadata."""
        name, value = customers.PORTAL_MARK
        wanted: Any = {"features": FEATURES, "metadata": {name: value, "revision": REVISION}}
        found = await customers.find_portal_configuration(self._stripe)
        if found is None:
            if self._plan_step("made the portal's configuration"):
                await self._stripe.create_once(
                    f"{self._round}:portal",
                    lambda: customers.find_portal_configuration(self._stripe),
                    lambda c, options: c.v1.billing_portal.configurations.create_async(wanted, options),
                    PortalConfiguration,
                )
        elif (found.metadata or {}).get("revision") != REVISION and self._plan_step(
            "changed the portal's configuration"
        ):
            known = found.id
            await self._stripe.request(
                lambda c: c.v1.billing_portal.configurations.update_async(known, wanted), PortalConfiguration
            )

    async def ensure_event_target(self, targets: EventTargets, url: str, *, new_secret: bool = False) -> None:
        """One target for our address. A secret that was lost is had again by making its owner anew."""
        there = await targets.find_by_url(url)
        if there and not new_secret:
            if not there[0].is_current and self._plan_step(f"changed the {targets.name}"):
                await targets.enable_target(there[0])
            return
        if not self._plan_step(f"made the {targets.name} for {url}"):
            return
        made = await targets.create_target(url, f"{self._round}:{targets.name}")
        if made.secret:
            self.secrets.append(made.secret)
        for other in await targets.find_by_url(url):
            if other.id != made.id:
                await targets.delete_target(other)


def _price_specs(sold: Tariff, meter: str) -> Iterator[PriceSpec]:
    """Everything that is offered."""
    for plan in sold.offered_plans():
        if plan.amount:
            yield PriceSpec(
                product=f"{lookup_keys.PREFIX}_{plan.name}",
                title=f"Kinora {plan.name.replace('_', ' ').title()}",
                key=lookup_keys.plan_key(plan),
                amount=str(plan.amount),
                currency=sold.currency,
                monthly=True,
            )
    for pack in sold.offered_packs():
        yield PriceSpec(
            product=f"{lookup_keys.PREFIX}_pack_{pack.name}",
            title=f"Kinora credits: {pack.name.replace('_', ' ')}",
            key=lookup_keys.pack_key(pack),
            amount=str(pack.amount),
            currency=sold.currency,
        )
    yield PriceSpec(
        product=f"{lookup_keys.PREFIX}_overage",
        title="Kinora overage",
        key=lookup_keys.overage_key(sold.overage),
        amount=sold.overage.amount,
        currency=sold.currency,
        monthly=True,
        meter=meter,
    )


def _check_unchanged(article: PriceSpec, there: StripePrice) -> None:
    """Raise SyncError where Stripe sells the same thing otherwise than the tariff says."""
    amount = there.unit_amount_decimal if there.unit_amount is None else Decimal(there.unit_amount)
    if amount != Decimal(article.amount) or there.currency != article.currency:
        raise ProvisionError(
            f"Stripe sells {article.key} for {amount} {there.currency}, and the tariff says {article.cost_text}. A"
            " price that may have been bought never changes: put the old amount back, and add the next version below"
            " it."
        )
    meter = there.recurring.meter if there.recurring else None
    if (there.recurring is not None) != article.monthly or (meter or None) != (article.meter or None):
        raise ProvisionError(
            f"Stripe's price {article.key} is charged in another way than ours. Take that lookup key off it there, and"
            " run this again."
        )
