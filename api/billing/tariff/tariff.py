"""The tariff, read from a file and checked. Knows no database and no Stripe.

The default is `tariff.toml` beside this module; `KINORA_TARIFF` names an operator's own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, pairwise
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from api.billing.tariff.plans import LARGEST, Amount, Credits, Name, TariffPlan, Version
from api.billing.tariff.pricing import Prices
from engine.catalog.model import Operation
from engine.catalog.registry import MODELS

DEFAULT = Path(__file__).with_name("tariff.toml")
FREE = "free"
LARGEST_FACTOR = 10_000
DECIMALS = 12  # places after the point that Stripe takes in an amount

Cap = Annotated[int, Meta(ge=1, le=LARGEST)]


class TariffError(Exception):
    """A tariff that cannot be used, or lacks a version that a user has; the message says what to do."""


class TariffPack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a pack of credits that never expire. `amount` is in the currency's smallest unit."""

    name: Name
    version: Version
    credits: Credits
    amount: Amount


class TariffOverage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of overage: `amount` is the price of a credit, as decimal text; caps are credits of a period."""

    amount: Annotated[str, Meta(pattern=r"^\d{1,6}(\.\d+)?$")]
    max_cap: Cap
    default_cap: Cap


class _Versioned(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...


V = TypeVar("V", bound=_Versioned)


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every version of every plan and pack, the terms of overage, and the prices of work."""

    currency: Annotated[str, Meta(pattern="^[a-z]{3}$")]
    plans: list[TariffPlan]
    packs: list[TariffPack]
    overage: TariffOverage
    prices: Prices

    def find_plan(self, name: str, version: int | None = None) -> TariffPlan:
        """A plan in the version that was bought; without one, the newest. Raises TariffError."""
        return _find_version("plan", self.plans, name, version)

    def find_pack(self, name: str, version: int | None = None) -> TariffPack:
        """A pack in a version; without one, the newest. Raises TariffError."""
        return _find_version("pack", self.packs, name, version)

    def offered_plans(self) -> list[TariffPlan]:
        """The newest version of each plan, which is the one on sale."""
        return _newest_versions(self.plans)

    def offered_packs(self) -> list[TariffPack]:
        """The newest version of each pack."""
        return _newest_versions(self.packs)


def _find_version(kind: str, offers: Sequence[V], name: str, version: int | None) -> V:
    versions = {offer.version: offer for offer in offers if offer.name == name}
    offer = versions.get(max(versions, default=0) if version is None else version)
    if offer is None:
        which = f"{kind} {name}" if version is None else f"version {version} of the {kind} {name}"
        raise TariffError(f"The tariff has no {which}, but a user has it: put it back into the file.")
    return offer


def _newest_versions(offers: Sequence[V]) -> list[V]:
    return list({offer.name: offer for offer in offers}.values())


def load_tariff(path: Path | None = None) -> Tariff:
    """The tariff of a file, or Kinora's own. Raises TariffError with a sentence on what to change."""
    path = path or DEFAULT
    try:
        data = tomllib.loads(path.read_text(), parse_float=Decimal)
        return check_tariff(msgspec.convert(data, Tariff))
    except OSError as error:
        raise TariffError(f"The tariff {path} cannot be read: {error.strerror}. Set KINORA_TARIFF right.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TariffError(f"The tariff {path} is not TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise TariffError(f"The tariff {path} cannot be used: {error}. Compare it with {DEFAULT}.") from error
    except TariffError as error:
        raise TariffError(f"The tariff {path} will not do: {error}") from error


def check_tariff(tariff: Tariff) -> Tariff:
    """The same tariff. Raises TariffError with the first fault; later ones may follow from it."""
    faults = chain(
        _plan_list_faults(tariff), _pack_faults(tariff), _overage_faults(tariff.overage), _price_faults(tariff.prices)
    )
    if fault := next(faults, None):
        raise TariffError(fault)
    return tariff


# -- faults --------------------------------------------------------------------------------------------------


def _plan_list_faults(tariff: Tariff) -> Iterator[str]:
    yield from _version_faults("plan", tariff.plans)
    if FREE not in (plan.name for plan in tariff.plans):
        yield f"It has no plan `{FREE}`, which everybody begins with: add one with an amount of 0."
    for plan in tariff.plans:
        yield from _plan_faults(plan)


def _plan_faults(plan: TariffPlan) -> Iterator[str]:
    called = f"version {plan.version} of the plan `{plan.name}`"
    if plan.name == FREE and plan.amount:
        yield f"{called} costs {plan.amount}: make it 0, or call it otherwise."
    if bool(plan.trial_days) != bool(plan.trial_credits):
        yield f"{called} needs both trial_days and trial_credits, or neither."
    if plan.trial_days and not plan.amount:
        yield f"{called} costs nothing, so leave its trial out."
    if plan.trial_credits > plan.monthly_credits:
        yield f"{called} has more trial_credits than monthly_credits: lower them."


def _pack_faults(tariff: Tariff) -> Iterator[str]:
    yield from _version_faults("pack", tariff.packs)
    for pack in tariff.packs:
        if not pack.credits or not pack.amount:
            yield f"version {pack.version} of the pack `{pack.name}` needs credits and an amount above 0."


def _version_faults(kind: str, offers: Sequence[_Versioned]) -> Iterator[str]:
    """A gap is a version that was removed, which its buyers would still need."""
    last: dict[str, int] = {}
    for offer in offers:
        due = last.get(offer.name, 0) + 1
        if offer.version != due:
            yield (
                f"version {offer.version} of the {kind} `{offer.name}` stands where version {due} is due: versions"
                " count 1, 2, 3 … down the file, and none is ever removed."
            )
        last[offer.name] = offer.version


def _overage_faults(overage: TariffOverage) -> Iterator[str]:
    if not Decimal(overage.amount) or len(overage.amount.partition(".")[2]) > DECIMALS:
        yield f"the amount of overage must be above 0 and have up to {DECIMALS} decimals, not {overage.amount}."
    if overage.default_cap > overage.max_cap:
        yield "the default_cap of overage is above its max_cap: lower it."


def _price_faults(prices: Prices) -> Iterator[str]:
    """A larger, longer or better clip must never be cheaper."""
    sides = [tier.short_side for tier in prices.tiers]
    rates = [*(tier.rate for tier in prices.tiers), prices.beyond]
    yield from _factor_faults(prices, rates)
    yield from _unknown_name_faults("models", prices.models, list(MODELS))
    yield from _unknown_name_faults("operations", prices.operations, get_args(Operation))
    if any(later <= earlier for earlier, later in pairwise([0, *sides])):
        yield f"the tiers' short sides must rise down the list, and they are {_join_values(sides)}."
    if any(later < earlier for earlier, later in pairwise(rates)):
        yield (
            "a larger size must not cost less: rates must not fall from one tier to the next, `beyond` included;"
            f" they are {_join_values(rates)}."
        )
    if prices.quality.full < prices.quality.turbo:
        yield "full quality must not cost less than turbo: raise the one or lower the other."


def _factor_faults(prices: Prices, rates: list[Decimal]) -> Iterator[str]:
    quality = [prices.quality.turbo, prices.quality.full]
    for factor in (*rates, *quality, *prices.models.values(), *prices.operations.values()):
        if not (factor.is_finite() and 0 < factor <= LARGEST_FACTOR):
            yield f"rates and factors are above 0 and at most {LARGEST_FACTOR}, and one is {factor}."
    if not (prices.least_seconds.is_finite() and 0 <= prices.least_seconds <= LARGEST_FACTOR):
        yield f"least_seconds is at least 0 and at most {LARGEST_FACTOR}, and it is {prices.least_seconds}."


def _unknown_name_faults(where: str, names: dict[str, Decimal], known: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"the prices' {where} name `{name}`, which there is not: take one of {_join_values(known)}."


def _join_values(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
