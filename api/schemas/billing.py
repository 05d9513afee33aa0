"""Plans, credits and purchases: request and response bodies."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from api.schemas.common import Page
from api.schemas.videos import Quality

CheckoutKind = Literal["subscription", "pack"]
Bucket = Literal["allowance", "purchased", "overage"]
EntryKind = Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"]


class Amount(Struct, frozen=True, kw_only=True):
    """Credits in one bucket."""

    amount: Annotated[int, Meta(description="Number of credits.")]
    expires_at: Annotated[
        int | None, Meta(description="Time at which the credits expire, in Unix seconds; null if they do not expire.")
    ] = None


class Overage(Struct, frozen=True, kw_only=True):
    """Credits used beyond the balance and invoiced afterwards."""

    enabled: Annotated[bool, Meta(description="Whether overage is allowed.")] = False
    cap: Annotated[int, Meta(description="Most credits of overage in a billing period.")] = 0
    used: Annotated[int, Meta(description="Credits of overage charged in the current billing period.")] = 0


class Buckets(Struct, frozen=True, kw_only=True):
    """The balance by origin of the credits."""

    allowance: Annotated[Amount, Meta(description="Credits of the plan for the current period; they expire with it.")]
    purchased: Annotated[Amount, Meta(description="Purchased credits; they do not expire.")]
    overage: Annotated[Overage, Meta(description="Credits used beyond the balance.")]


class Balance(Struct, frozen=True, kw_only=True):
    """The credit balance, in whole credits."""

    object: Literal["balance"] = "balance"
    available: Annotated[int, Meta(description="Credits that a new video may use now.")]
    held: Annotated[int, Meta(description="Credits reserved for videos that are being generated.")]
    buckets: Annotated[Buckets, Meta(description="The balance by origin of the credits.")]


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One change of the balance. The amounts of all entries sum to `available`."""

    id: str
    object: Literal["ledger_entry"] = "ledger_entry"
    created_at: int
    kind: Annotated[EntryKind, Meta(description="Type of the change.")]
    bucket: Annotated[Bucket, Meta(description="Bucket that changed.")]
    amount: Annotated[int, Meta(description="Credits added to the balance; negative if they were taken.")]
    video_id: Annotated[str | None, Meta(description="Id of the video the entry belongs to; null if there is none.")]
    invoice: Annotated[
        str | None, Meta(description="Id of the Stripe invoice that paid for it; null if there is none.")
    ]
    note: Annotated[str | None, Meta(description="Explanation for the user; null if there is none.")]


class Plan(Struct, frozen=True, kw_only=True):
    """A plan as it is currently sold: its price and its limits."""

    id: Annotated[str, Meta(description="Id of the plan, for example `plus`.")]
    object: Literal["plan"] = "plan"
    version: Annotated[int, Meta(description="Version currently sold; subscribers keep the version they bought.")]
    amount: Annotated[int, Meta(description="Monthly price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217 currency code, in lower case.")]
    monthly_credits: Annotated[int, Meta(description="Credits granted each month.")]
    trial_days: Annotated[int, Meta(description="Length of the free trial, in days; each user has one trial.")]
    trial_credits: Annotated[int, Meta(description="Credits granted for the trial.")]
    max_short_side: Annotated[int, Meta(description="Largest short side of the frame, in pixels.")]
    max_seconds: Annotated[int, Meta(description="Longest video, in seconds.")]
    concurrency: Annotated[int, Meta(description="Number of videos generated at the same time.")]
    priority: Annotated[int, Meta(description="Queue priority; jobs with a larger value run first.")]
    retention_days: Annotated[int, Meta(description="Number of days files are kept.")]
    marked: Annotated[bool, Meta(description="Whether videos carry a visible watermark.")]
    relaxed: Annotated[
        bool,
        Meta(
            description="Whether videos are still generated once the credits are spent, when no other job is waiting."
        ),
    ]


class Pack(Struct, frozen=True, kw_only=True):
    """A pack of credits that do not expire."""

    id: Annotated[str, Meta(description="Id of the pack, for example `small`.")]
    object: Literal["pack"] = "pack"
    version: Annotated[int, Meta(description="Version currently sold.")]
    credits: Annotated[int, Meta(description="Number of credits in the pack.")]
    amount: Annotated[int, Meta(description="Price, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217 currency code, in lower case.")]


class OverageTerms(Struct, frozen=True, kw_only=True):
    """Price and limits of credits used beyond the balance."""

    amount: Annotated[
        str, Meta(description="Price of one credit in the currency's smallest unit, as a decimal string.")
    ]
    currency: Annotated[str, Meta(description="ISO 4217 currency code, in lower case.")]
    max_cap: Annotated[int, Meta(description="Largest `cap` a user may set, in credits for a billing period.")]
    default_cap: Annotated[int, Meta(description="Default `cap`, in credits for a billing period.")]


class PriceTier(Struct, frozen=True):
    """Price of one second of video up to a frame size."""

    max_short_side: Annotated[
        int | None,
        Meta(description="Largest short side of the frame the tier applies to, in pixels; null if unlimited."),
    ]
    rate: Annotated[float, Meta(description="Credits for each second.")]


class PriceFactors(Struct, frozen=True, kw_only=True):
    """Factors of the price of a video.

    Each variation costs seconds × rate × quality × model × operation, rounded up to at least 1 credit. Only newly
    generated seconds count, but at least `least_seconds`; an image has none.
    """

    tiers: Annotated[list[PriceTier], Meta(description="Credits for each second, by frame size.")]
    quality: Annotated[dict[Quality, float], Meta(description="Factor of each quality.")]
    models: Annotated[dict[str, float], Meta(description="Factor of each model; 1 for models not listed.")]
    operations: Annotated[dict[str, float], Meta(description="Factor of each operation; 1 for operations not listed.")]
    least_seconds: Annotated[float, Meta(description="Fewest seconds charged.")]


class Plans(Page[Plan], frozen=True, kw_only=True):
    """The plans on sale, with credit packs, overage and the price factors of videos."""

    packs: Annotated[list[Pack], Meta(description="Credit packs on sale.")]
    overage: Annotated[OverageTerms, Meta(description="Price and limits of overage.")]
    prices: Annotated[PriceFactors, Meta(description="Factors of the price of a video.")]


class Checkout(Struct, frozen=True, kw_only=True):
    """A Stripe Checkout page for a plan or a credit pack."""

    id: str
    object: Literal["checkout"] = "checkout"
    kind: Annotated[
        CheckoutKind, Meta(description="Whether a plan (`subscription`) or a credit pack (`pack`) is bought.")
    ]
    item: Annotated[str, Meta(description="Id of the plan or the pack.")]
    quantity: Annotated[int, Meta(description="Number of packs; 1 for a plan.")]
    amount: Annotated[int, Meta(description="Total price in the currency's smallest unit; per month for a plan.")]
    currency: Annotated[str, Meta(description="ISO 4217 currency code, in lower case.")]
    trial_days: Annotated[int, Meta(description="Length of the free trial of a plan, in days.")]
    url: Annotated[str, Meta(description="URL of the page, to be opened in a browser.")]
    expires_at: Annotated[int, Meta(description="Time at which the page closes, in Unix seconds.")]


class Portal(Struct, frozen=True, kw_only=True):
    """A Stripe customer portal session for invoices, cards and cancellation. It opens once and soon expires."""

    object: Literal["portal"] = "portal"
    url: Annotated[str, Meta(description="URL of the portal, to be opened in a browser at once.")]


class Subscription(Struct, frozen=True, kw_only=True):
    """The subscription. Without one, every field but `plan` is null.

    `past_due` and `unpaid` mean that a payment is outstanding; the customer portal accepts another card.
    """

    object: Literal["subscription"] = "subscription"
    plan: Annotated[str, Meta(description="Id of the plan.")]
    version: Annotated[int | None, Meta(description="Version of the plan that was bought.")] = None
    status: Annotated[
        str | None, Meta(description="Status of the subscription in Stripe, for example `active` or `past_due`.")
    ] = None
    current_period_start: Annotated[
        int | None, Meta(description="Start of the current billing period, in Unix seconds.")
    ] = None
    current_period_end: Annotated[
        int | None, Meta(description="End of the current billing period, in Unix seconds.")
    ] = None
    trial_end: Annotated[int | None, Meta(description="End of the trial, in Unix seconds; null if there is none.")] = (
        None
    )
    cancel_at: Annotated[
        int | None, Meta(description="Time at which the subscription ends, in Unix seconds; null if it renews.")
    ] = None
    next_plan: Annotated[
        str | None,
        Meta(description="Id of the plan that follows at the end of the period; null if the plan stays the same."),
    ] = None


class SubscriptionPreview(Struct, frozen=True, kw_only=True):
    """Cost and effect of a change of plan.

    For one hour, a change sent with this `proration_date` costs exactly `amount_due`.
    """

    object: Literal["subscription_preview"] = "subscription_preview"
    plan: Annotated[str, Meta(description="Id of the plan.")]
    version: Annotated[int, Meta(description="Version of the plan that would be bought.")]
    effective_at: Annotated[int, Meta(description="Time at which the change takes effect, in Unix seconds.")]
    amount_due: Annotated[int, Meta(description="Amount due immediately, in the currency's smallest unit.")]
    currency: Annotated[str, Meta(description="ISO 4217 currency code, in lower case.")]
    credits: Annotated[int, Meta(description="Credits granted immediately.")]
    monthly_amount: Annotated[int, Meta(description="Monthly price after the change, in the currency's smallest unit.")]
    monthly_credits: Annotated[int, Meta(description="Monthly credits after the change.")]
    proration_date: Annotated[
        int | None,
        Meta(description="Time for which `amount_due` was calculated, in Unix seconds; null if nothing is due now."),
    ]


Url = Annotated[str, Meta(min_length=1, max_length=2000, description="Absolute URL.")]
PlanName = Annotated[str, Meta(min_length=1, max_length=32)]


class CheckoutCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Plan to subscribe to."""

    plan: Annotated[PlanName, Meta(description="Id of the plan.")]
    success_url: Annotated[Url, Meta(description="URL to return to after the payment.")]
    cancel_url: Annotated[
        Url | None, Meta(description="URL to return to if the payment is abandoned; `success_url` if left out.")
    ] = None


class PackCheckoutCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credit packs to buy."""

    pack: Annotated[PlanName, Meta(description="Id of the pack.")]
    quantity: Annotated[int, Meta(ge=1, le=10, description="Number of packs.")] = 1
    success_url: Annotated[Url, Meta(description="URL to return to after the payment.")]
    cancel_url: Annotated[
        Url | None, Meta(description="URL to return to if the payment is abandoned; `success_url` if left out.")
    ] = None


class PortalCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Customer portal session to create."""

    return_url: Annotated[Url | None, Meta(description="URL the portal links back to.")] = None


class SubscriptionPreviewCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change of plan to preview."""

    plan: Annotated[PlanName, Meta(description="Id of the plan.")]


class SubscriptionChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change of plan."""

    plan: Annotated[PlanName, Meta(description="Id of the plan.")]
    proration_date: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=2**40,
                description="`proration_date` of a preview, in Unix seconds, to pay its amount.",
            ),
        ]
        | None
    ) = None


class OverageChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Overage settings."""

    enabled: Annotated[bool, Meta(description="Whether overage is allowed.")]
    cap: (
        Annotated[
            int, Meta(ge=1, description="Most credits of overage in a billing period; the `default_cap` if left out.")
        ]
        | None
    ) = None
