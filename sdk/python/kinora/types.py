"""What the API speaks of, as msgspec Structs. Generated from openapi.json by `make sdk`.

Times are Unix seconds. Enumerations of answers stay open: a newer server may say what this version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kinora._request_body import File


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Credits in a bucket; an allowance goes when its period ends."""

    amount: int
    """Whole credits."""
    expires_at: int | None = None
    """When they go, in Unix seconds; null if never."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `hint` is the end of it."""

    id: str
    """Its id, which is no secret."""
    object: str
    """What kind of object this is."""
    name: str
    """What its owner calls it."""
    scopes: list[str] = []
    """What it may do."""
    hint: str
    """The last characters of the key."""
    created_at: int
    """When it was made, in Unix seconds."""
    used_at: int | None = None
    """When it was last used, in Unix seconds; null if never."""


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[ApiKey] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Signed URLs a player can open without a token; null until there is something to fetch. `preview` is a small
    picture of what is being made, a guess: null before there is one, and again once what it shows can be
    watched.
    """

    video: str | None = None
    """The MP4."""
    thumbnail: str | None = None
    """A small still, as WebP."""
    poster: str | None = None
    """A still as large as the clip, as JPEG."""
    spritesheet: str | None = None
    """Small stills from the whole clip on one JPEG, to scrub through."""
    stream: str | None = None
    """An HLS playlist that can be played while the clip is made."""
    preview: str | None = None
    """A guess at what is being made, as JPEG."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Whole credits. `available` is what a new video may take now."""

    object: str
    """What kind of object this is."""
    available: int
    """What a new video may take now."""
    held: int
    """Set aside for videos that are being made."""
    buckets: Buckets
    """Where the credits lie."""


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """The balance by where it came from."""

    allowance: Amount
    """Granted for a period."""
    purchased: Amount
    """Bought; these never expire."""
    overage: Overage
    """Used above what is there."""


class Card(msgspec.Struct, kw_only=True):
    """What a storyboard wants at second `at`: a prompt, a picture, or a clip that is kept as it is.

    A prompt lasts `until` a second; without it, until shortly before the next one begins. Where it lasts until
    the very moment when the next begins, the clip cuts.
    """

    at: float | None = None
    """Seconds from the beginning. Default: `0.0`. (0 to 3,600)"""
    until: float | None = None
    """Seconds from the beginning. (0 to 3,600)"""
    prompt: str | None = None
    """What the clip shows, in a sentence. (up to 32,000 characters)"""
    upload: str | Upload | File | ImageReference | Mapping[str, Any] | None = None
    """A picture that is shown then."""
    video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None
    """A clip that is kept as it is."""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A page to pay at, open until `expires_at`. `item` is the plan or the pack; `amount` is of the currency's
    smallest unit, a month for a plan, whose first `trial_days` are free.
    """

    id: str
    """Its id."""
    object: str
    """What kind of object this is."""
    kind: Literal["subscription", "pack"] | str
    """What is bought."""
    item: str
    """The plan or the pack, by its name."""
    quantity: int
    """How many."""
    amount: int
    """What is to pay, in the currency's smallest unit; a month for a plan."""
    currency: str
    """ISO 4217, in small letters."""
    trial_days: int
    """Days that are free at first."""
    url: str
    """The page, to be opened in a browser."""
    expires_at: int
    """When the page closes, in Unix seconds."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged.

    A `relaxed` video costs none: its plan's credits are spent, and it is made when nobody else waits.
    """

    credits: int
    """Whole credits."""
    state: Literal["held", "settled", "released"] | str
    """What became of them."""
    relaxed: bool = False
    """Whether it is made for nothing, when nobody else waits."""


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: str
    """What was deleted."""
    object: str
    """What kind of object it was, followed by `.deleted`."""
    deleted: bool = False
    """Always true."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted.

    It would be `relaxed` if the credits are spent and the plan makes videos all the same, when nobody else
    waits.
    """

    object: str
    """What kind of object this is."""
    credits: int | None = None
    """Whole credits for all variations; null if it would be refused before it has a price."""
    relaxed: bool = False
    """Whether it would be made for nothing, when nobody else waits."""
    eta_seconds: int | None = None
    """About how many seconds all variations take once a worker begins; null as for `credits`."""
    refusals: list[Refusal] = []
    """Every reason why it would be refused."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed: whether asking again may help, whether credits came back, and a sentence for the person."""

    code: str
    """One word of a closed list."""
    retryable: bool = False
    """Whether asking for the same again may help."""
    refunded: bool = False
    """Whether the credits came back."""
    user_message: str
    """A sentence for the person who waits, in their language."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server can do its work; each part says `ok` or what is wrong."""

    status: Literal["ok", "degraded", "down"] | str
    """Whether it can work."""
    checks: dict[str, str] = {}
    """Each part by its name: `ok`, or what is wrong."""


class ImageReference(msgspec.Struct, kw_only=True):
    """A picture: a `data:` URL, as OpenAI's clients send it, an upload of one's own, or the bytes of a form's file."""

    image_url: str | None = None
    """The picture as a `data:` URL."""
    file_id: str | None = None
    """An upload of one's own, by its id. (up to 200 characters)"""
    file: File | None = None
    """The picture itself."""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`. `invoice` is the shop's
    name for what paid for it, and `note` a sentence for the person where a movement needs one.
    """

    id: str
    """Its id."""
    object: str
    """What kind of object this is."""
    created_at: int
    """When it was written, in Unix seconds."""
    kind: Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"] | str
    """What happened."""
    bucket: Literal["allowance", "purchased", "overage"] | str
    """Where the credits lie."""
    amount: int
    """Whole credits; below 0 they went."""
    video_id: str | None = None
    """The video it was for; null if it was for none."""
    invoice: str | None = None
    """What the shop calls the bill that paid for it; null if none did."""
    note: str | None = None
    """A sentence for the person, where a movement needs one."""


class LedgerEntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[LedgerEntry] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request to this model may ask."""

    max_seconds: int
    """The longest clip, in seconds."""
    min_side: int
    """The shortest side, in pixels."""
    max_side: int
    """The longest side, in pixels."""
    side_multiple: int
    """Both sides are multiples of so many pixels."""
    max_upload_bytes: int
    """The largest file, in bytes."""
    max_upload_pixels: int
    """The largest picture: width x height, in pixels."""
    max_film_pixels: int
    """The largest frame of a film: width x height, in pixels."""
    max_film_seconds: float
    """The longest film that may be sent, in seconds."""


class Lora(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA that the model has here, by its name; a weight of 0 is nothing of it, 1 what it was trained for."""

    name: str
    """Its name, as the model's `loras` have it. (up to 64 characters)"""
    weight: float | None = None
    """How much of it. Default: `1.0`. (-2 to 2)"""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model served here and what it can do. Sizes are `WxH`; the first is the default.

    `repo` is where its weights are published, null where they ship with Kinora or are the operator's own.
    `memory_gb` is of the device, with all weights on it. It is denoised at `native_sizes`, in frames of the form
    `frame_rule` × k + 1; files have the size and the length asked for. `pictures` says where a clip may be given
    any: nowhere, at its first frame, at either end, or anywhere.
    """

    id: str
    """Its name, which requests give as `model`."""
    object: str
    """What kind of object this is."""
    title: str
    """Its name for people."""
    description: str
    """What it is, in a sentence."""
    created: int
    """When it was published, in Unix seconds."""
    owned_by: str
    """Who made it."""
    repo: str | None = None
    """Where its weights are published; null where they ship with Kinora or are the operator's own."""
    licence: str
    """Its licence, by its SPDX name where it has one."""
    licence_url: str
    """Where the licence can be read."""
    memory_gb: float
    """Memory of the device with all weights on it, in GB."""
    memory_estimated: bool = False
    """Whether that was estimated and not measured."""
    fps: float
    """Frames in a second."""
    frame_rule: int
    """It denoises so many frames times k, and one."""
    sizes: list[str] = []
    """Sizes that suit it, as width x height in pixels; the first is the default."""
    native_sizes: list[str] = []
    """The sizes it denoises at, in pixels."""
    pictures: Literal["none", "first", "ends", "any"] | str
    """Where a clip may be given pictures."""
    operations: list[str] = []
    """What it can do."""
    qualities: list[Literal["turbo", "full"] | str] = []
    """The qualities it can be asked for."""
    loras: list[str] = []
    """The LoRAs it has here."""
    limits: Limits
    """What one request may ask of it."""
    aliases: list[str] = []
    """Other names that it answers to."""


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[Model] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as its creation answers it: the only time `key` is shown. A replay has null there."""

    id: str
    """Its id, which is no secret."""
    object: str
    """What kind of object this is."""
    name: str
    """What its owner calls it."""
    scopes: list[str] = []
    """What it may do."""
    hint: str
    """The last characters of the key."""
    created_at: int
    """When it was made, in Unix seconds."""
    used_at: int | None = None
    """When it was last used, in Unix seconds; null if never."""
    key: str | None = None
    """The key itself; null in a replay."""


class Overage(msgspec.Struct, frozen=True, kw_only=True):
    """Credits used above what is there, paid afterwards: up to `cap` in a period, of which so many were charged."""

    enabled: bool = False
    """Whether it is switched on."""
    cap: int
    """How many credits may be used so in a period."""
    used: int
    """How many were used so in this one."""


class OverageTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Credits used above what is there and paid afterwards: what one costs in the currency's smallest unit, as a
    decimal text; how many a person may allow in a period, and how many it is unless they say.
    """

    amount: str
    """What a credit costs in the currency's smallest unit, as a decimal text."""
    currency: str
    """ISO 4217, in small letters."""
    max_cap: int
    """The most credits a person may allow in a period."""
    default_cap: int
    """The credits in a period unless the person says."""


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that never expire, and what they cost in the currency's smallest unit."""

    id: str
    """Its name."""
    object: str
    """What kind of object this is."""
    version: int
    """The version that is sold now."""
    credits: int
    """Whole credits."""
    amount: int
    """Its price, in the currency's smallest unit."""
    currency: str
    """ISO 4217, in small letters."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture, by a URL that opens for a while or as base 64; `id` finds it among one's videos."""

    id: str
    """Its id among one's videos."""
    url: str | None = None
    """A signed URL of the JPEG; null if base 64 was asked for."""
    b64_json: str | None = None
    """The JPEG in base 64; null unless that was asked for."""
    revised_prompt: str
    """The prompt as the model got it."""


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that were made."""

    created: int
    """When they were asked for, in Unix seconds."""
    output_format: str
    """The format of the files."""
    data: list[Picture] = []
    """One for each variation."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan costs and allows, as it is sold now. `amount` is a month's price in the currency's smallest unit.

    Credits are a month's; a trial has its own. `max_short_side` is of the picture, in pixels; `concurrency` is
    clips made at once. Clips carry a visible mark if `marked`; a `relaxed` plan makes clips when nobody else
    waits even once its credits are spent. A larger `priority` is served first.
    """

    id: str
    """Its name."""
    object: str
    """What kind of object this is."""
    version: int
    """The version that is sold now; who bought another keeps it."""
    amount: int
    """A month's price, in the currency's smallest unit."""
    currency: str
    """ISO 4217, in small letters."""
    monthly_credits: int
    """Whole credits a month."""
    trial_days: int
    """Days that are free at first, once for a person."""
    trial_credits: int
    """Whole credits of a trial."""
    max_short_side: int
    """The longest short side of a picture, in pixels."""
    max_seconds: int
    """The longest clip, in seconds."""
    concurrency: int
    """How many clips are made at once."""
    priority: int
    """A larger one is served first."""
    retention_days: int
    """How many days files are kept."""
    marked: bool = False
    """Whether clips carry the visible mark."""
    relaxed: bool = False
    """Whether clips are made when nobody else waits even once the credits are spent."""


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """The plans, and with them everything else that is sold: packs of credits, overage, and what work costs."""

    object: str
    """What kind of object this is."""
    data: list[Plan] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""
    packs: list[Pack] = []
    """Packs of credits."""
    overage: OverageTerms
    """Credits used above what is there."""
    prices: PriceFactors
    """What work costs."""


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """A page at which bills, cards and the end of a subscription are looked after. It opens once, for a short
    while.
    """

    object: str
    """What kind of object this is."""
    url: str
    """The page, to be opened in a browser at once."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A style: words that are added to a prompt and, if it has one, a picture whose look clips start from."""

    id: str
    """Its id, which requests name as `preset`."""
    object: str
    """What kind of object this is."""
    name: str
    """What a person calls it."""
    prompt: str
    """Words that are added to a prompt."""
    negative_prompt: str
    """Words that are added to a negative prompt."""
    picture: str | None = None
    """The path of its reference picture, a PNG; null if it has none."""
    built_in: bool = False
    """Whether it comes with Kinora."""
    own: bool = False
    """Whether it is the caller's own."""
    shared: bool = False
    """Whether whoever has its id may use it."""
    created_at: int
    """When it was made, in Unix seconds; 0 if it is built in."""
    updated_at: int
    """When it last changed, in Unix seconds; 0 if it is built in."""


class PresetPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[Preset] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class PriceFactors(msgspec.Struct, frozen=True, kw_only=True):
    """How a clip's price comes about: seconds × rate × quality × model × operation, rounded up, 1 credit at least,
    for each variation. Seconds are those that are made anew, `least_seconds` at least, and a still has none. A
    model or an operation that is not named has the factor 1.
    """

    tiers: list[PriceTier] = []
    """Credits for a second, by the size of the picture."""
    quality: dict[str, float] = {}
    """The factor of each quality."""
    models: dict[str, float] = {}
    """The factors of models; 1 for those not named."""
    operations: dict[str, float] = {}
    """The factors of operations; 1 for those not named."""
    least_seconds: float
    """Seconds that count at least."""


class PriceTier(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that a second costs up to this short side of the picture, in pixels; null is for all beyond."""

    max_short_side: int | None = None
    """The longest short side it is for, in pixels; null is for all beyond."""
    rate: float
    """Credits that a second costs."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the file says by a signature where it comes from: `pending` while it is made, `unsigned` once it is
    final and carries none.
    """

    state: Literal["pending", "unsigned"] | str
    """Whether the file is signed."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a create with this body would be refused."""

    code: str
    """The kind of problem, one word for each."""
    param: str | None = None
    """The field at fault."""
    detail: str
    """What is wrong, and what can be done about it."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is signed in."""

    id: str
    """Its id."""
    object: str
    """What kind of object this is."""
    user_agent: str
    """What the device calls itself."""
    created_at: int
    """When it signed in, in Unix seconds."""
    used_at: int
    """When it last asked for anything, in Unix seconds."""
    expires_at: int
    """When it is signed out unless it is used, in Unix seconds."""
    current: bool = False
    """Whether it is the device that asks."""


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[Session] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


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
    """What kind of object this is."""
    plan: str
    """The plan, by its name."""
    version: int | None = None
    """The version that was bought."""
    status: str | None = None
    """Stripe's word for how it stands."""
    current_period_start: int | None = None
    """When the period began, in Unix seconds."""
    current_period_end: int | None = None
    """When it ends, in Unix seconds."""
    trial_end: int | None = None
    """When the trial ends, in Unix seconds; null if there is none."""
    cancel_at: int | None = None
    """When it ends for good, in Unix seconds; null if it goes on."""
    next_plan: str | None = None
    """The plan that follows when the period is over; null if it stays."""


class SubscriptionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would cost and bring: `amount_due` and `credits` at once, the monthly ones from then on.

    A change with this `proration_date` costs exactly this, for an hour. It is null where nothing is to pay at
    once.
    """

    object: str
    """What kind of object this is."""
    plan: str
    """The plan, by its name."""
    version: int
    """The version that would be bought."""
    effective_at: int
    """When the change happens, in Unix seconds."""
    amount_due: int
    """What is to pay at once, in the currency's smallest unit."""
    currency: str
    """ISO 4217, in small letters."""
    credits: int
    """Whole credits that come at once."""
    monthly_amount: int
    """A month's price from then on, in the currency's smallest unit."""
    monthly_credits: int
    """Whole credits a month from then on."""
    proration_date: int | None = None
    """The moment the amount is worked out for, in Unix seconds; null where nothing is due at once."""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: str
    """Sent as a bearer with every request."""
    token_type: str
    """How the access token is sent."""
    expires_in: int
    """How long the access token works, in seconds."""
    refresh_token: str
    """Exchanged, once, for the next pair."""
    user: User
    """Who is signed in."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was sent in, to be named by requests until it expires. It is `receiving` until all its bytes have
    come (`offset` of them are there), then `ready`, or `refused` with an `error`. Its `kind` is what its bytes
    are.
    """

    id: str
    """Its id."""
    object: str
    """What kind of object this is."""
    kind: Literal["image", "video", "unknown"] | str
    """What its bytes are, once that is known."""
    status: Literal["receiving", "ready", "refused"] | str
    """How far it has come."""
    filename: str
    """What its sender calls it."""
    bytes: int
    """How many bytes it has. (at least 0)"""
    offset: int
    """How many of them are there. (at least 0)"""
    width: int | None = None
    """Pixels from left to right; null until it is looked at."""
    height: int | None = None
    """Pixels from top to bottom; null until it is looked at."""
    seconds: float | None = None
    """The length of a film, in seconds; null for a picture."""
    created_at: int
    """When it began, in Unix seconds."""
    expires_at: int
    """When it is removed, in Unix seconds."""
    error: UploadError | None = None
    """Why it cannot be used; null unless it is refused."""


class UploadError(msgspec.Struct, frozen=True, kw_only=True):
    """Why an upload cannot be used."""

    code: str
    """The kind of problem, one word for each."""
    message: str
    """What is wrong, in a sentence."""


class UploadPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[Upload] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The person signed in."""

    id: str
    """Their id."""
    object: str
    """What kind of object this is."""
    email: str
    """Their e-mail address."""
    email_verified: bool = False
    """Whether it is known to be theirs."""
    name: str
    """What they want to be called."""
    locale: str
    """The language of texts meant for them."""
    plan: str
    """The id of their plan."""
    created_at: int
    """When they signed up, in Unix seconds."""


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """A video and its job. `status` goes queued → in_progress → completed, failed or cancelled."""

    id: str
    """Its id."""
    object: str
    """What kind of object this is."""
    kind: str
    """`video`, or `image` for a still."""
    model: str
    """The model that makes it, as the request named it."""
    status: Literal["queued", "in_progress", "completed", "failed", "cancelled"] | str
    """How far the job is."""
    progress: int
    """Percent of the work that is done. (0 to 100)"""
    created_at: int
    """When it was asked for, in Unix seconds."""
    updated_at: int
    """When it last changed, in Unix seconds."""
    started_at: int | None = None
    """When a worker began with it, in Unix seconds."""
    completed_at: int | None = None
    """When it was done, in Unix seconds."""
    expires_at: int | None = None
    """When its files go, in Unix seconds."""
    prompt: str
    """What it was asked to show."""
    negative_prompt: str
    """What it was asked not to show."""
    revised_prompt: str | None = None
    """The prompt as the model got it, where that is another."""
    preset: str | None = None
    """The id of the style it was made in."""
    loras: list[Lora] = []
    """The LoRAs it was made with."""
    seconds: str
    """Length of the clip in seconds, as a string."""
    size: str
    """Width x height in pixels."""
    seed: int
    """The number its noise was drawn from; the same one makes the same clip again."""
    quality: Literal["turbo", "full"] | str
    """How much work was put into it."""
    remixed_from_video_id: str | None = None
    """The id of the video it was remixed from."""
    parents: list[str] = []
    """The ids of the videos it was made from."""
    variations: list[str] = []
    """The ids of all videos of the same request."""
    queue_position: int | None = None
    """How many jobs go before it; null once it is not queued."""
    eta_seconds: int | None = None
    """About how many seconds it still takes; null if it is not to be said."""
    cost: Cost
    """What it costs."""
    assets: Assets
    """Where its files are."""
    provenance: Provenance
    """Whether its file says where it comes from."""
    visibility: Literal["private", "unlisted", "public"] | str
    """Who may see it."""
    metadata: dict[str, Any] = {}
    """What the request attached to it."""
    error: VideoError | None = None
    """Why it failed, for OpenAI's clients; null if it did not."""
    failure: Failure | None = None
    """Why it failed; null if it did not."""


class VideoError(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed, as OpenAI's clients read it."""

    code: str
    """One word of a closed list."""
    message: str
    """What went wrong, in a sentence."""


class VideoPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    """What kind of object this is."""
    data: list[Video] = []
    """The items of this page, in the order asked for."""
    first_id: str | None = None
    """The id of the first item."""
    last_id: str | None = None
    """The id of the last item, from which the next page goes on."""
    has_more: bool = False
    """Whether another page follows."""


class VideoReference(msgspec.Struct, kw_only=True):
    """A video: one of one's own that is done or an uploaded film, a `data:` URL, or the bytes of a form's file."""

    id: str | None = None
    """The id of a video. (up to 200 characters)"""
    video_url: str | None = None
    """The film as a `data:` URL."""
    file: File | None = None
    """The film itself."""
