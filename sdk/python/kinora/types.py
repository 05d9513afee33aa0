"""What the API speaks of, as msgspec Structs. Generated from openapi.json by `make sdk`.

Times are Unix seconds. Enumerations of answers stay open: a newer server may say what this version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kinora._bodies import File


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Credits in a bucket; an allowance goes when its period ends."""

    amount: int
    expires_at: int | None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `hint` is the end of it."""

    id: str
    object: str
    name: str
    scopes: list[str]
    hint: str
    created_at: int
    used_at: int | None


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[ApiKey]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Signed URLs a player can open without a token; null until there is something to fetch. `preview` is a small
    picture of what is being made, a guess: null before there is one, and again once what it shows can be
    watched.
    """

    video: str | None
    thumbnail: str | None
    poster: str | None
    spritesheet: str | None
    stream: str | None
    preview: str | None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Whole credits. `available` is what a new video may take now."""

    object: str
    available: int
    held: int
    buckets: Buckets


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """The balance by where it came from."""

    allowance: Amount
    purchased: Amount
    overage: Overage


class Card(msgspec.Struct, kw_only=True):
    """What a storyboard wants at second `at`: a prompt, a picture, or a clip that is kept as it is.

    A prompt lasts `until` a second; without it, until shortly before the next one begins. Where it lasts until
    the very moment when the next begins, the clip cuts.
    """

    at: float | None = None
    """Seconds from the beginning. (0 to 3,600; default 0.0)"""
    until: float | None = None
    """Seconds from the beginning. (0 to 3,600)"""
    prompt: str | None = None
    """(up to 32,000 characters)"""
    upload: File | ImageReference | Mapping[str, Any] | None = None
    video: str | Video | File | VideoReference | Mapping[str, Any] | None = None
    """(up to 200 characters)"""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A page to pay at, open until `expires_at`. `item` is the plan or the pack; `amount` is of the currency's
    smallest unit, a month for a plan, whose first `trial_days` are free.
    """

    id: str
    object: str
    kind: Literal["pack", "subscription"] | str
    item: str
    quantity: int
    amount: int
    currency: str
    trial_days: int
    url: str
    expires_at: int


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged.

    A `relaxed` video costs none: its plan's credits are spent, and it is made when nobody else waits.
    """

    credits: int
    state: Literal["held", "released", "settled"] | str
    relaxed: bool


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: str
    object: str
    deleted: bool
    """(default True)"""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted.

    It would be `relaxed` if the credits are spent and the plan makes videos all the same, when nobody else
    waits.
    """

    object: str
    credits: int | None
    relaxed: bool
    eta_seconds: int | None
    refusals: list[Refusal]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed: whether asking again may help, whether credits came back, and a sentence for the person."""

    code: str
    retryable: bool
    refunded: bool
    user_message: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Literal["degraded", "down", "ok"] | str
    checks: dict[str, str]


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A picture, by a URL that opens for a while or as base 64; `id` finds it among one's videos."""

    id: str
    url: str | None
    b64_json: str | None
    revised_prompt: str


class ImageReference(msgspec.Struct, kw_only=True):
    """A picture: a `data:` URL, as OpenAI's clients send it, or the bytes of a form's file."""

    image_url: str | None = None
    file_id: str | None = None
    file: File | None = None


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that were made."""

    created: int
    output_format: str
    data: list[Image]


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`. `invoice` is the shop's
    name for what paid for it, and `note` a sentence for the person where a movement needs one.
    """

    id: str
    object: str
    created_at: int
    kind: Literal["dispute", "expire", "grant", "hold", "purchase", "refund", "release", "settle"] | str
    bucket: Literal["allowance", "overage", "purchased"] | str
    amount: int
    video_id: str | None
    invoice: str | None
    note: str | None


class LedgerEntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[LedgerEntry]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request to this model may ask."""

    max_seconds: int
    min_side: int
    max_side: int
    side_multiple: int
    max_upload_bytes: int
    max_upload_pixels: int
    max_film_pixels: int
    max_film_seconds: float


class Lora(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA that the model has here, by its name; a weight of 0 is nothing of it, 1 what it was trained for."""

    name: str
    """(up to 64 characters)"""
    weight: float = 1.0
    """(-2 to 2; default 1.0)"""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model served here and what it can do. Sizes are `WxH`; the first is the default.

    `repo` is where its weights are published, null where they ship with Kinora or are the operator's own.
    `memory_gb` is of the device, with all weights on it. It is denoised at `native_sizes`, in frames of the form
    `frame_rule` × k + 1; files have the size and the length asked for. `pictures` says where a clip may be given
    any: nowhere, at its first frame, at either end, or anywhere.
    """

    id: str
    object: str
    title: str
    description: str
    created: int
    owned_by: str
    repo: str | None
    licence: str
    licence_url: str
    memory_gb: float
    memory_estimated: bool
    fps: float
    frame_rule: int
    sizes: list[str]
    native_sizes: list[str]
    pictures: Literal["any", "ends", "first", "none"] | str
    operations: list[str]
    qualities: list[Literal["full", "turbo"] | str]
    loras: list[str]
    limits: Limits
    aliases: list[str]


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Model]
    first_id: str | None
    last_id: str | None
    has_more: bool


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as its creation answers it: the only time `key` is shown. A replay has null there."""

    id: str
    object: str
    name: str
    scopes: list[str]
    hint: str
    created_at: int
    used_at: int | None
    key: str | None


class Overage(msgspec.Struct, frozen=True, kw_only=True):
    """Credits used above what is there, paid afterwards: up to `cap` in a period, of which so many were charged."""

    enabled: bool
    """(default False)"""
    cap: int
    """(default 0)"""
    used: int
    """(default 0)"""


class OverageTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Credits used above what is there and paid afterwards: what one costs in the currency's smallest unit, as a
    decimal text; how many a person may allow in a period, and how many it is unless they say.
    """

    amount: str
    currency: str
    max_cap: int
    default_cap: int


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that never expire, and what they cost in the currency's smallest unit."""

    id: str
    object: str
    version: int
    credits: int
    amount: int
    currency: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan costs and allows, as it is sold now. `amount` is a month's price in the currency's smallest unit.

    Credits are a month's; a trial has its own. `max_short_side` is of the picture, in pixels; `concurrency` is
    clips made at once. Clips carry a visible mark if `marked`; a `relaxed` plan makes clips when nobody else
    waits even once its credits are spent. A larger `priority` is served first.
    """

    id: str
    object: str
    version: int
    amount: int
    currency: str
    monthly_credits: int
    trial_days: int
    trial_credits: int
    max_short_side: int
    max_seconds: int
    concurrency: int
    priority: int
    retention_days: int
    marked: bool
    relaxed: bool


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """The plans, and with them everything else that is sold: packs of credits, overage, and what work costs."""

    object: str
    data: list[Plan]
    first_id: str | None
    last_id: str | None
    has_more: bool
    packs: list[Pack]
    overage: OverageTerms
    prices: PriceFactors


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """A page at which bills, cards and the end of a subscription are looked after. It opens once, for a short
    while.
    """

    object: str
    url: str


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A style: words that are added to a prompt and, if it has one, a picture whose look clips start from."""

    id: str
    object: str
    name: str
    prompt: str
    negative_prompt: str
    picture: str | None
    built_in: bool
    own: bool
    shared: bool
    created_at: int
    updated_at: int


class PresetPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Preset]
    first_id: str | None
    last_id: str | None
    has_more: bool


class PriceFactors(msgspec.Struct, frozen=True, kw_only=True):
    """How a clip's price comes about: seconds × rate × quality × model × operation, rounded up, 1 credit at least,
    for each variation. Seconds are those that are made anew, `least_seconds` at least, and a still has none. A
    model or an operation that is not named has the factor 1.
    """

    tiers: list[PriceTier]
    quality: dict[str, float]
    models: dict[str, float]
    operations: dict[str, float]
    least_seconds: float


class PriceTier(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that a second costs up to this short side of the picture, in pixels; null is for all beyond."""

    max_short_side: int | None
    rate: float


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the file says by a signature where it comes from: `pending` while it is made, `unsigned` once it is
    final and carries none.
    """

    state: Literal["pending", "unsigned"] | str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a create with this body would be refused."""

    code: str
    param: str | None
    detail: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is signed in."""

    id: str
    object: str
    user_agent: str
    created_at: int
    used_at: int
    expires_at: int
    current: bool


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Session]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Stretch(msgspec.Struct, kw_only=True):
    """A part of a clip, in seconds from its beginning."""

    from_: float = msgspec.field(name="from")
    """Seconds from the beginning. (0 to 3,600)"""
    to: float
    """Seconds from the beginning. (0 to 3,600)"""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is subscribed to; all null but the plan for who is not.

    It ends at `cancel_at`, or goes on as `next_plan` when the period is over. `past_due` and `unpaid` wait for a
    payment: the portal takes another card.
    """

    object: str
    plan: str
    version: int | None
    status: str | None
    current_period_start: int | None
    current_period_end: int | None
    trial_end: int | None
    cancel_at: int | None
    next_plan: str | None


class SubscriptionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would cost and bring: `amount_due` and `credits` at once, the monthly ones from then on.

    A change with this `proration_date` costs exactly this, for an hour. It is null where nothing is to pay at
    once.
    """

    object: str
    plan: str
    version: int
    effective_at: int
    amount_due: int
    currency: str
    credits: int
    monthly_amount: int
    monthly_credits: int
    proration_date: int | None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    user: User


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The person signed in."""

    id: str
    object: str
    email: str
    email_verified: bool
    name: str
    locale: str
    plan: str
    created_at: int


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """A video and its job. `status` goes queued → in_progress → completed, failed or cancelled."""

    id: str
    object: str
    kind: str
    model: str
    status: Literal["cancelled", "completed", "failed", "in_progress", "queued"] | str
    progress: int
    """(0 to 100)"""
    created_at: int
    updated_at: int
    started_at: int | None
    completed_at: int | None
    expires_at: int | None
    prompt: str
    negative_prompt: str
    revised_prompt: str | None
    preset: str | None
    loras: list[Lora]
    seconds: str
    size: str
    seed: int
    quality: Literal["full", "turbo"] | str
    remixed_from_video_id: str | None
    parents: list[str]
    variations: list[str]
    queue_position: int | None
    eta_seconds: int | None
    cost: Cost
    assets: Assets
    provenance: Provenance
    visibility: Literal["private", "public", "unlisted"] | str
    metadata: dict[str, Any]
    error: VideoError | None
    failure: Failure | None


class VideoError(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed, as OpenAI's clients read it."""

    code: str
    message: str


class VideoPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoReference(msgspec.Struct, kw_only=True):
    """A video: one of one's own that is done, a `data:` URL, or the bytes of a form's file."""

    id: str | None = None
    """(up to 200 characters)"""
    video_url: str | None = None
    file: File | None = None
