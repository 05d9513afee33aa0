"""Plans, credits and what is bought: answers and bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.common import Page
from api.schemas.videos import Quality

CheckoutKind = Literal["subscription", "pack"]
Bucket = Literal["allowance", "purchased", "overage"]
EntryKind = Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"]


class Amount(Struct, frozen=True, kw_only=True):
    """Credits in a bucket; an allowance goes when its period ends."""

    amount: Annotated[int, Meta(description="Whole credits.")]
    expires_at: Annotated[int | None, Meta(description="When they go, in Unix seconds; null if never.")] = None


class Overage(Struct, frozen=True, kw_only=True):
    """Credits used above what is there, paid afterwards: up to `cap` in a period, of which so many were charged."""

    enabled: Annotated[bool, Meta(description="Whether it is switched on.")] = False
    cap: Annotated[int, Meta(description="How many credits may be used so in a period.")] = 0
    used: Annotated[int, Meta(description="How many were used so in this one.")] = 0


class Buckets(Struct, frozen=True, kw_only=True):
    """The balance by where it came from."""

    allowance: Annotated[Amount, Meta(description="Granted for a period.")]
    purchased: Annotated[Amount, Meta(description="Bought; these never expire.")]
    overage: Annotated[Overage, Meta(description="Used above what is there.")]


class Balance(Struct, frozen=True, kw_only=True):
    """Whole credits. `available` is what a new video may take now."""

    object: Annotated[Literal["balance"], Meta(description="What kind of object this is.")] = "balance"
    available: Annotated[int, Meta(description="What a new video may take now.")]
    held: Annotated[int, Meta(description="Set aside for videos that are being made.")]
    buckets: Annotated[Buckets, Meta(description="Where the credits lie.")]


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`. `invoice` is the shop's name
    for what paid for it, and `note` a sentence for the person where a movement needs one.
    """

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["ledger_entry"], Meta(description="What kind of object this is.")] = "ledger_entry"
    created_at: Annotated[int, Meta(description="When it was written, in Unix seconds.")]
    kind: Annotated[EntryKind, Meta(description="What happened.")]
    bucket: Annotated[Bucket, Meta(description="Where the credits lie.")]
    amount: Annotated[int, Meta(description="Whole credits; below 0 they went.")]
    video_id: Annotated[str | None, Meta(description="The video it was for; null if it was for none.")]
    invoice: Annotated[str | None, Meta(description="What the shop calls the bill that paid for it; null if none did.")]
    note: Annotated[str | None, Meta(description="A sentence for the person, where a movement needs one.")]


class Plan(Struct, frozen=True, kw_only=True):
    """What a plan costs and allows, as it is sold now. `amount` is a month's price in the currency's smallest unit.

    Credits are a month's; a trial has its own. `max_short_side` is of the picture, in pixels; `concurrency` is clips
    made at once. Clips carry a visible mark if `marked`; a `relaxed` plan makes clips when nobody else waits even once
    its credits are spent. A larger `priority` is served first.
    """

    id: Annotated[str, Meta(description="Its name.")]
    object: Annotated[Literal["plan"], Meta(description="What kind of object this is.")] = "plan"
    version: Annotated[int, Meta(description="The version that is sold now; who bought another keeps it.")]
    amount: Annotated[int, Meta(description="A month's price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    monthly_credits: Annotated[int, Meta(description="Whole credits a month.")]
    trial_days: Annotated[int, Meta(description="Days that are free at first, once for a person.")]
    trial_credits: Annotated[int, Meta(description="Whole credits of a trial.")]
    max_short_side: Annotated[int, Meta(description="The longest short side of a picture, in pixels.")]
    max_seconds: Annotated[int, Meta(description="The longest clip, in seconds.")]
    concurrency: Annotated[int, Meta(description="How many clips are made at once.")]
    priority: Annotated[int, Meta(description="A larger one is served first.")]
    retention_days: Annotated[int, Meta(description="How many days files are kept.")]
    marked: Annotated[bool, Meta(description="Whether clips carry the visible mark.")]
    relaxed: Annotated[
        bool, Meta(description="Whether clips are made when nobody else waits even once the credits are spent.")
    ]


class Pack(Struct, frozen=True, kw_only=True):
    """Credits that never expire, and what they cost in the currency's smallest unit."""

    id: Annotated[str, Meta(description="Its name.")]
    object: Annotated[Literal["pack"], Meta(description="What kind of object this is.")] = "pack"
    version: Annotated[int, Meta(description="The version that is sold now.")]
    credits: Annotated[int, Meta(description="Whole credits.")]
    amount: Annotated[int, Meta(description="Its price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]


class OverageTerms(Struct, frozen=True, kw_only=True):
    """Credits used above what is there and paid afterwards: what one costs in the currency's smallest unit, as a
    decimal text; how many a person may allow in a period, and how many it is unless they say.
    """

    amount: Annotated[str, Meta(description="What a credit costs in the currency's smallest unit, as a decimal text.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    max_cap: Annotated[int, Meta(description="The most credits a person may allow in a period.")]
    default_cap: Annotated[int, Meta(description="The credits in a period unless the person says.")]


class PriceTier(Struct, frozen=True):
    """Credits that a second costs up to this short side of the picture, in pixels; null is for all beyond."""

    max_short_side: Annotated[
        int | None, Meta(description="The longest short side it is for, in pixels; null is for all beyond.")
    ]
    rate: Annotated[float, Meta(description="Credits that a second costs.")]


class PriceFactors(Struct, frozen=True, kw_only=True):
    """How a clip's price comes about: seconds × rate × quality × model × operation, rounded up, 1 credit at least, for
    each variation. Seconds are those that are made anew, `least_seconds` at least, and a still has none. A model or an
    operation that is not named has the factor 1.
    """

    tiers: Annotated[list[PriceTier], Meta(description="Credits for a second, by the size of the picture.")]
    quality: Annotated[dict[Quality, float], Meta(description="The factor of each quality.")]
    models: Annotated[dict[str, float], Meta(description="The factors of models; 1 for those not named.")]
    operations: Annotated[dict[str, float], Meta(description="The factors of operations; 1 for those not named.")]
    least_seconds: Annotated[float, Meta(description="Seconds that count at least.")]


class Plans(Page[Plan], frozen=True, kw_only=True):
    """The plans, and with them everything else that is sold: packs of credits, overage, and what work costs."""

    packs: Annotated[list[Pack], Meta(description="Packs of credits.")]
    overage: Annotated[OverageTerms, Meta(description="Credits used above what is there.")]
    prices: Annotated[PriceFactors, Meta(description="What work costs.")]


class Checkout(Struct, frozen=True, kw_only=True):
    """A page to pay at, open until `expires_at`. `item` is the plan or the pack; `amount` is of the currency's smallest
    unit, a month for a plan, whose first `trial_days` are free.
    """

    id: Annotated[str, Meta(description="Its id.")]
    object: Annotated[Literal["checkout"], Meta(description="What kind of object this is.")] = "checkout"
    kind: Annotated[CheckoutKind, Meta(description="What is bought.")]
    item: Annotated[str, Meta(description="The plan or the pack, by its name.")]
    quantity: Annotated[int, Meta(description="How many.")]
    amount: Annotated[int, Meta(description="What is to pay, in the currency's smallest unit; a month for a plan.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    trial_days: Annotated[int, Meta(description="Days that are free at first.")]
    url: Annotated[str, Meta(description="The page, to be opened in a browser.")]
    expires_at: Annotated[int, Meta(description="When the page closes, in Unix seconds.")]


class Portal(Struct, frozen=True, kw_only=True):
    """A page at which bills, cards and the end of a subscription are looked after. It opens once, for a short while."""

    object: Annotated[Literal["portal"], Meta(description="What kind of object this is.")] = "portal"
    url: Annotated[str, Meta(description="The page, to be opened in a browser at once.")]


class Subscription(Struct, frozen=True, kw_only=True):
    """What somebody is subscribed to; all null but the plan for who is not.

    It ends at `cancel_at`, or goes on as `next_plan` when the period is over. `past_due` and `unpaid` wait for a
    payment: the portal takes another card.
    """

    object: Annotated[Literal["subscription"], Meta(description="What kind of object this is.")] = "subscription"
    plan: Annotated[str, Meta(description="The plan, by its name.")]
    version: Annotated[int | None, Meta(description="The version that was bought.")] = None
    status: Annotated[str | None, Meta(description="Stripe's word for how it stands.")] = None
    current_period_start: Annotated[int | None, Meta(description="When the period began, in Unix seconds.")] = None
    current_period_end: Annotated[int | None, Meta(description="When it ends, in Unix seconds.")] = None
    trial_end: Annotated[
        int | None, Meta(description="When the trial ends, in Unix seconds; null if there is none.")
    ] = None
    cancel_at: Annotated[
        int | None, Meta(description="When it ends for good, in Unix seconds; null if it goes on.")
    ] = None
    next_plan: Annotated[
        str | None, Meta(description="The plan that follows when the period is over; null if it stays.")
    ] = None


class SubscriptionPreview(Struct, frozen=True, kw_only=True):
    """What a change would cost and bring: `amount_due` and `credits` at once, the monthly ones from then on.

    A change with this `proration_date` costs exactly this, for an hour. It is null where nothing is to pay at once.
    """

    object: Annotated[Literal["subscription_preview"], Meta(description="What kind of object this is.")] = (
        "subscription_preview"
    )
    plan: Annotated[str, Meta(description="The plan, by its name.")]
    version: Annotated[int, Meta(description="The version that would be bought.")]
    effective_at: Annotated[int, Meta(description="When the change happens, in Unix seconds.")]
    amount_due: Annotated[int, Meta(description="What is to pay at once, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217, in small letters.")]
    credits: Annotated[int, Meta(description="Whole credits that come at once.")]
    monthly_amount: Annotated[int, Meta(description="A month's price from then on, in the currency's smallest unit.")]
    monthly_credits: Annotated[int, Meta(description="Whole credits a month from then on.")]
    proration_date: Annotated[
        int | None,
        Meta(
            description="The moment the amount is worked out for, in Unix seconds; null where nothing is due at once."
        ),
    ]


Url = Annotated[str, Meta(min_length=1, max_length=2000, description="An address with its scheme.")]
PlanName = Annotated[str, Meta(min_length=1, max_length=32)]


class CheckoutCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan to subscribe to, and where the page leads: after the payment, and for whoever turns back."""

    plan: Annotated[PlanName, Meta(description="The plan, by its name.")]
    success_url: Annotated[Url, Meta(description="Where the page leads after the payment.")]
    cancel_url: Annotated[Url | None, Meta(description="Where it leads whoever turns back; the same without it.")] = (
        None
    )


class PackCheckoutCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packs of credits to buy, and where the page leads: after the payment, and for whoever turns back."""

    pack: Annotated[PlanName, Meta(description="The pack, by its name.")]
    quantity: Annotated[int, Meta(ge=1, le=10, description="How many.")] = 1
    success_url: Annotated[Url, Meta(description="Where the page leads after the payment.")]
    cancel_url: Annotated[Url | None, Meta(description="Where it leads whoever turns back; the same without it.")] = (
        None
    )


class PortalCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the portal leads back to."""

    return_url: Annotated[Url | None, Meta(description="Where the page leads back to.")] = None


class SubscriptionPreviewCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan to change to, to see what that would cost."""

    plan: Annotated[PlanName, Meta(description="The plan, by its name.")]


class SubscriptionChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan to change to; with the `proration_date` of a preview, for exactly its amount."""

    plan: Annotated[PlanName, Meta(description="The plan, by its name.")]
    proration_date: Annotated[int, Meta(ge=0, le=2**40, description="The preview's own, in Unix seconds.")] | None = (
        None
    )


class OverageChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether credits may be used above what is there, and how many in a period; without `cap`, as many as is usual."""

    enabled: Annotated[bool, Meta(description="Whether it is switched on.")]
    cap: Annotated[int, Meta(ge=1, description="Credits that may be used so in a period.")] | None = None
