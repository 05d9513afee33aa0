"""Provisioning of a Stripe account: meter, products, prices, portal and event targets, as our tariff wants them.

Objects that are missing are created, and others updated. A price is never changed: it may have been bought.
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
from api.billing.tariff.tariff import Tariff, load_tariff
from api.settings import Settings

PATH = "/v1/webhooks/stripe"
FEATURES: dict[str, Any] = {
    "customer_update": {"enabled": True, "allowed_updates": ["address", "name", "tax_id"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True, "mode": "at_period_end", "proration_behavior": "none"},
    "subscription_update": {"enabled": False},  # our own route does it, for the previewed price
}
REVISION = hashlib.sha256(msgspec.json.encode(FEATURES, order="deterministic")).hexdigest()[:16]


class ProvisionError(Exception):
    """The account cannot be provisioned; the message says what to change."""


class PriceSpec(Struct, frozen=True, kw_only=True):
    """A price as the tariff wants it. `amount` is decimal text, in the currency's smallest unit."""

    product: str
    title: str
    key: str
    amount: str
    currency: str
    monthly: bool = False
    meter: str | None = None

    @property
    def cost_text(self) -> str:
        """The cost, for a person to read."""
        unit = " a credit" if self.meter is not None else " a month" if self.monthly else ""
        return f"{self.amount} {self.currency}{unit}, in smallest units"

    @property
    def create_params(self) -> Any:
        """Parameters with which Stripe creates it."""
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
    """Provision the account of the settings; `origin` is where Stripe reaches us, if not at our public address.

    Raises ProvisionError, TariffError and what Stripe raises.
    """
    stripe = Stripe(settings)
    try:
        sync = AccountSync(stripe, load_tariff(settings.tariff), write=write)
        await sync.sync_all(origin or public_origin(settings), new_secrets=new_secrets)
    finally:
        await stripe.close()
    return sync


def public_origin(settings: Settings) -> str | None:
    """The origin at which Stripe reaches this server; None if it cannot, because no public address is set."""
    reachable = settings.origin.startswith("https://") or settings.stripe_url
    return settings.origin if reachable else None


class AccountSync:
    """One provisioning of an account; a dry run without `write`.

    `steps` are sentences on what was done or would be, `secrets` the signing secrets of new event targets, which Stripe
    shows only once. `run_id` names the idempotency keys. Methods raise ProvisionError and what Stripe raises.
    """

    def __init__(self, stripe: Stripe, tariff: Tariff, *, write: bool = True, run_id: str | None = None) -> None:
        self._stripe = stripe
        self._tariff = tariff
        self._write = write
        self._run_id = run_id or ids.new_id("sync")
        self.steps: list[str] = []
        self.secrets: list[str] = []

    async def sync_all(self, origin: str | None, *, new_secrets: bool = False) -> None:
        """Provision all of it; `origin` is where Stripe reaches this server, None leaves the event targets alone."""
        await self.sync_prices()
        await self.ensure_portal()
        if origin:
            for targets in (WebhookEndpoints(self._stripe), EventDestinations(self._stripe)):
                await self.ensure_event_target(targets, origin.rstrip("/") + PATH, new_secret=new_secrets)

    def _plan_step(self, sentence: str) -> bool:
        """Record a step; True if it is to be carried out."""
        self.steps.append(sentence)
        return self._write

    async def sync_prices(self) -> None:
        """Ensure the meter, and a product and a price for everything on offer."""
        specs = list(_price_specs(self._tariff, await self._ensure_meter()))
        keys = [spec.key for spec in specs]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ProvisionError(
                f"Two things of the tariff would be called {twice} at Stripe: call one of them otherwise."
            )
        prices = await reads.list_prices(self._stripe, keys)
        for product, title in {spec.product: spec.title for spec in specs}.items():
            await self._ensure_product(product, title)
        for spec in specs:
            await self._ensure_price(spec, prices.get(spec.key))

    async def _ensure_meter(self) -> str:
        """Id of the meter; empty in a dry run without one."""
        meter = await find_meter(self._stripe)
        if meter is None and self._plan_step(f"made the meter {METER}"):
            meter = await self._stripe.create_once(
                f"{self._run_id}:meter",
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
        return meter.id if meter else ""

    async def _ensure_product(self, name: str, title: str) -> None:
        """Ensure a product, under an id of ours."""
        product = await self._find_product(name)
        if product is None:
            if self._plan_step(f"made the product {name}"):
                await self._stripe.create_once(
                    f"{self._run_id}:{name}",
                    lambda: self._find_product(name),
                    lambda c, options: c.v1.products.create_async({"id": name, "name": title}, options),
                    Product,
                )
        elif (product.name != title or not product.active) and self._plan_step(f"changed the product {name}"):
            params: Any = {"name": title, "active": True}
            await self._stripe.request(lambda c: c.v1.products.update_async(name, params), Product)

    async def _find_product(self, name: str) -> Product | None:
        return await none_if_missing(self._stripe.request(lambda c: c.v1.products.retrieve_async(name), Product))

    async def _ensure_price(self, spec: PriceSpec, existing: StripePrice | None) -> None:
        """Ensure a price, under a lookup key of ours."""
        if existing is not None:
            _check_unchanged(spec, existing)
        elif self._plan_step(f"made the price {spec.key}: {spec.cost_text}"):
            await self._stripe.create_once(
                f"{self._run_id}:{spec.key}",
                lambda: self._find_price(spec.key),
                lambda c, options: c.v1.prices.create_async(spec.create_params, options),
                StripePrice,
            )

    async def _find_price(self, key: str) -> StripePrice | None:
        return (await reads.list_prices(self._stripe, [key])).get(key)

    async def ensure_portal(self) -> None:
        """Ensure the portal's configuration, recognised by its metadata."""
        key, value = customers.PORTAL_MARK
        params: Any = {"features": FEATURES, "metadata": {key: value, "revision": REVISION}}
        configuration = await customers.find_portal_configuration(self._stripe)
        if configuration is None:
            if self._plan_step("made the portal's configuration"):
                await self._stripe.create_once(
                    f"{self._run_id}:portal",
                    lambda: customers.find_portal_configuration(self._stripe),
                    lambda c, options: c.v1.billing_portal.configurations.create_async(params, options),
                    PortalConfiguration,
                )
        elif (configuration.metadata or {}).get("revision") != REVISION and self._plan_step(
            "changed the portal's configuration"
        ):
            configuration_id = configuration.id
            await self._stripe.request(
                lambda c: c.v1.billing_portal.configurations.update_async(configuration_id, params), PortalConfiguration
            )

    async def ensure_event_target(self, targets: EventTargets, url: str, *, new_secret: bool = False) -> None:
        """Ensure one target for our URL. A lost secret is replaced by replacing its target."""
        existing = await targets.find_by_url(url)
        if existing and not new_secret:
            if not existing[0].is_current and self._plan_step(f"changed the {targets.name}"):
                await targets.enable_target(existing[0])
            return
        if not self._plan_step(f"made the {targets.name} for {url}"):
            return
        created = await targets.create_target(url, f"{self._run_id}:{targets.name}")
        if created.secret:
            self.secrets.append(created.secret)
        for other in await targets.find_by_url(url):
            if other.id != created.id:
                await targets.delete_target(other)


def _price_specs(tariff: Tariff, meter: str) -> Iterator[PriceSpec]:
    """The prices of everything on offer."""
    for plan in tariff.offered_plans():
        if plan.amount:
            yield PriceSpec(
                product=f"{lookup_keys.PREFIX}_{plan.name}",
                title=f"Kinora {plan.name.replace('_', ' ').title()}",
                key=lookup_keys.plan_key(plan),
                amount=str(plan.amount),
                currency=tariff.currency,
                monthly=True,
            )
    for pack in tariff.offered_packs():
        yield PriceSpec(
            product=f"{lookup_keys.PREFIX}_pack_{pack.name}",
            title=f"Kinora credits: {pack.name.replace('_', ' ')}",
            key=lookup_keys.pack_key(pack),
            amount=str(pack.amount),
            currency=tariff.currency,
        )
    yield PriceSpec(
        product=f"{lookup_keys.PREFIX}_overage",
        title="Kinora overage",
        key=lookup_keys.overage_key(tariff.overage),
        amount=tariff.overage.amount,
        currency=tariff.currency,
        monthly=True,
        meter=meter,
    )


def _check_unchanged(spec: PriceSpec, existing: StripePrice) -> None:
    """Raise ProvisionError if Stripe's price differs from the tariff's."""
    amount = existing.unit_amount_decimal if existing.unit_amount is None else Decimal(existing.unit_amount)
    if amount != Decimal(spec.amount) or existing.currency != spec.currency:
        raise ProvisionError(
            f"Stripe sells {spec.key} for {amount} {existing.currency}, and the tariff says {spec.cost_text}. A"
            " price that may have been bought never changes: put the old amount back, and add the next version below"
            " it."
        )
    meter = existing.recurring.meter if existing.recurring else None
    if (existing.recurring is not None) != spec.monthly or (meter or None) != (spec.meter or None):
        raise ProvisionError(
            f"Stripe's price {spec.key} is charged in another way than ours. Take that lookup key off it there, and"
            " run this again."
        )
