"""The API's types as msgspec Structs. Generated from openapi.json by `make sdk`.

Times are Unix seconds. Enumerations in responses are open: a newer server may add values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from kinora._files import File
from kinora._summary import summarize_upload, summarize_video


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Credits in one bucket."""

    amount: int
    """Number of credits."""
    expires_at: int | None = None
    """Time at which the credits expire, in Unix seconds; null if they do not expire."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without the key itself."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    name: str
    """Name given by the owner."""
    scopes: list[str] = []
    """Permissions of the key."""
    hint: str
    """Last characters of the key, to recognise it by."""
    created_at: int
    """Time of creation, in Unix seconds."""
    used_at: int | None = None
    """Time of the last use, in Unix seconds; null if the key was never used."""


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[ApiKey] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    """Signed URLs that need no further credentials; each is null until the file exists."""

    video: str | None = None
    """The video, as MP4."""
    thumbnail: str | None = None
    """Small still image, as WebP."""
    poster: str | None = None
    """Still image in full size, as JPEG."""
    spritesheet: str | None = None
    """Small stills of the whole video in one JPEG, for scrubbing."""
    stream: str | None = None
    """HLS playlist, playable while the video is being generated."""
    preview: str | None = None
    """Small image of the part being generated, as JPEG; null again once that part can be streamed."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The credit balance, in whole credits."""

    object: str
    """Type of the object."""
    available: int
    """Credits that a new video may use now."""
    held: int
    """Credits reserved for videos that are being generated."""
    buckets: Buckets
    """The balance by origin of the credits."""


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """The balance by origin of the credits."""

    allowance: Amount
    """Credits of the plan for the current period; they expire with it."""
    purchased: Amount
    """Purchased credits; they do not expire."""
    overage: Overage
    """Credits used beyond the balance."""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A Stripe Checkout page for a plan or a credit pack."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    kind: Literal["subscription", "pack"] | str
    """Whether a plan (`subscription`) or a credit pack (`pack`) is bought."""
    item: str
    """Id of the plan or the pack."""
    quantity: int
    """Number of packs; 1 for a plan."""
    amount: int
    """Total price in the currency's smallest unit; per month for a plan."""
    currency: str
    """ISO 4217 currency code, in lower case."""
    trial_days: int
    """Length of the free trial of a plan, in days."""
    url: str
    """URL of the page, to be opened in a browser."""
    expires_at: int
    """Time at which the page closes, in Unix seconds."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a video in credits."""

    credits: int
    """Credits held, charged or released, according to `state`."""
    state: Literal["held", "settled", "released"] | str
    """`held` while the job runs, then `settled` (charged in full or in part) or `released`."""
    relaxed: bool = False
    """Whether it is free of charge and waits for all other jobs, the plan's credits being spent."""


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """Confirmation that an object was deleted."""

    id: str
    """Id of the deleted object."""
    object: str
    """Type of the deleted object, followed by `.deleted`."""
    deleted: bool = False
    """Always `true`."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Cost and duration of a request, without carrying it out."""

    object: str
    """Type of the object."""
    credits: int | None = None
    """Credits for all variations; null if the request is rejected before its price is known."""
    relaxed: bool = False
    """Whether the video would be free of charge and generated when no other job is waiting."""
    eta_seconds: int | None = None
    """Estimated seconds to generate all variations once a worker starts; null if `credits` is null."""
    refusals: list[Refusal] = []
    """Problems that would reject the request; empty if it would be accepted."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Failure of a video."""

    code: str
    """Machine-readable failure code, for example `out_of_memory`."""
    retryable: bool = False
    """Whether the same request may succeed if it is sent again."""
    refunded: bool = False
    """Whether the credits were returned."""
    user_message: str
    """Description of the failure for the user, in their language."""


class GeneratedImage(msgspec.Struct, frozen=True, kw_only=True):
    """A generated image."""

    id: str
    """Id of the image, valid for the `/videos` routes."""
    url: str | None = None
    """Signed URL of the JPEG; null if `response_format` is `b64_json`."""
    b64_json: str | None = None
    """The JPEG in base 64; null if `response_format` is `url`."""
    revised_prompt: str
    """Prompt as given to the model."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Health of the server and of the systems it depends on."""

    status: Literal["ok", "degraded", "down"] | str
    """`ok`; `degraded` if only some requests can be served; `down` if none can."""
    checks: dict[str, str] = {}
    """Result for each dependency by name: `ok`, or the fault."""


class ImageReference(msgspec.Struct, kw_only=True):
    """An image: exactly one of a `data:` URL, the id of an upload, or a file of a form."""

    image_url: str | None = None
    """Image as a `data:` URL."""
    file_id: str | None = None
    """Id of an uploaded image. (up to 200 characters)"""
    file: File | None = None
    """Image file."""


class ImagesResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Generated images."""

    created: int
    """Time of creation, in Unix seconds."""
    output_format: str
    """File format of the images."""
    data: list[GeneratedImage] = []
    """Images, one for each variation."""


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the balance. The amounts of all entries sum to `available`."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    created_at: int
    """Time of creation, in Unix seconds."""
    kind: Literal["grant", "purchase", "hold", "settle", "release", "expire", "refund", "dispute"] | str
    """Type of the change."""
    bucket: Literal["allowance", "purchased", "overage"] | str
    """Bucket that changed."""
    amount: int
    """Credits added to the balance; negative if they were taken."""
    video_id: str | None = None
    """Id of the video the entry belongs to; null if there is none."""
    invoice: str | None = None
    """Id of the Stripe invoice that paid for it; null if there is none."""
    note: str | None = None
    """Explanation for the user; null if there is none."""


class LedgerEntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[LedgerEntry] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of requests to a model."""

    max_seconds: int
    """Longest video the model generates, in seconds."""
    min_side: int
    """Smallest width or height, in pixels."""
    max_side: int
    """Largest width or height, in pixels."""
    side_multiple: int
    """Width and height are multiples of this number of pixels."""
    max_upload_bytes: int
    """Largest file that may be uploaded, in bytes."""
    max_image_pixels: int
    """Largest image that may be uploaded, as width × height in pixels."""
    max_video_pixels: int
    """Largest frame of an uploaded video, as width × height in pixels."""
    max_video_seconds: float
    """Longest video that may be uploaded, in seconds."""


class Lora(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRA and its weight."""

    name: str
    """Name of the LoRA, one of the model's `loras`. (up to 64 characters)"""
    weight: float | None = None
    """Weight: 0 has no effect, 1 is the strength it was trained for. Default: `1.0`. (-2 to 2)"""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model served here and its capabilities.

    Videos are denoised at one of the `native_sizes`, with `frame_rule` × k + 1 frames, and written with the size
    and duration that were requested.
    """

    id: str
    """Name of the model, sent as `model` in requests."""
    object: str
    """Type of the object."""
    title: str
    """Display name."""
    description: str
    """One-sentence description."""
    created: int
    """Time of publication, in Unix seconds."""
    owned_by: str
    """Organisation that published the model."""
    repo: str | None = None
    """Hugging Face repository of the weights; null if they are part of Kinora or the operator's own."""
    licence: str
    """Licence of the weights, as an SPDX identifier where there is one."""
    licence_url: str
    """URL of the licence text."""
    memory_gb: float
    """Device memory needed with all weights loaded, in GB."""
    memory_estimated: bool = False
    """Whether `memory_gb` is an estimate rather than a measurement."""
    fps: float
    """Frames per second."""
    frame_rule: int
    """The model denoises `frame_rule` × k + 1 frames."""
    sizes: list[str] = []
    """Recommended sizes, as width x height in pixels; the first is the default."""
    native_sizes: list[str] = []
    """Sizes the model denoises at, as width x height in pixels."""
    image_positions: Literal["none", "first", "ends", "any"] | str
    """Frames that may be given as images: `none`, the `first`, both `ends`, or `any`."""
    operations: list[str] = []
    """Supported operations."""
    qualities: list[Literal["turbo", "full"] | str] = []
    """Supported qualities."""
    loras: list[str] = []
    """Names of the installed LoRAs."""
    limits: Limits
    """Limits of requests to this model."""
    aliases: list[str] = []
    """Other names under which requests may refer to the model."""


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[Model] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new API key. This is the only response that contains `key`."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    name: str
    """Name given by the owner."""
    scopes: list[str] = []
    """Permissions of the key."""
    hint: str
    """Last characters of the key, to recognise it by."""
    created_at: int
    """Time of creation, in Unix seconds."""
    used_at: int | None = None
    """Time of the last use, in Unix seconds; null if the key was never used."""
    key: str | None = None
    """The key; null if the response is a replay under the same `Idempotency-Key`."""


class Overage(msgspec.Struct, frozen=True, kw_only=True):
    """Credits used beyond the balance and invoiced afterwards."""

    enabled: bool = False
    """Whether overage is allowed."""
    cap: int
    """Most credits of overage in a billing period."""
    used: int
    """Credits of overage charged in the current billing period."""


class OverageTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Price and limits of credits used beyond the balance."""

    amount: str
    """Price of one credit in the currency's smallest unit, as a decimal string."""
    currency: str
    """ISO 4217 currency code, in lower case."""
    max_cap: int
    """Largest `cap` a user may set, in credits for a billing period."""
    default_cap: int
    """Default `cap`, in credits for a billing period."""


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """A pack of credits that do not expire."""

    id: str
    """Id of the pack, for example `small`."""
    object: str
    """Type of the object."""
    version: int
    """Version currently sold."""
    credits: int
    """Number of credits in the pack."""
    amount: int
    """Price, in the currency's smallest unit."""
    currency: str
    """ISO 4217 currency code, in lower case."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is currently sold: its price and its limits."""

    id: str
    """Id of the plan, for example `plus`."""
    object: str
    """Type of the object."""
    version: int
    """Version currently sold; subscribers keep the version they bought."""
    amount: int
    """Monthly price, in the currency's smallest unit."""
    currency: str
    """ISO 4217 currency code, in lower case."""
    monthly_credits: int
    """Credits granted each month."""
    trial_days: int
    """Length of the free trial, in days; each user has one trial."""
    trial_credits: int
    """Credits granted for the trial."""
    max_short_side: int
    """Largest short side of the frame, in pixels."""
    max_seconds: int
    """Longest video, in seconds."""
    concurrency: int
    """Number of videos generated at the same time."""
    priority: int
    """Queue priority; jobs with a larger value run first."""
    retention_days: int
    """Number of days files are kept."""
    marked: bool = False
    """Whether videos carry a visible watermark."""
    relaxed: bool = False
    """Whether videos are still generated once the credits are spent, when no other job is waiting."""


class Plans(msgspec.Struct, frozen=True, kw_only=True):
    """The plans on sale, with credit packs, overage and the price factors of videos."""

    object: str
    """Type of the object."""
    data: list[Plan] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""
    packs: list[Pack] = []
    """Credit packs on sale."""
    overage: OverageTerms
    """Price and limits of overage."""
    prices: PriceFactors
    """Factors of the price of a video."""


class Portal(msgspec.Struct, frozen=True, kw_only=True):
    """A Stripe customer portal session for invoices, cards and cancellation. It opens once and soon expires."""

    object: str
    """Type of the object."""
    url: str
    """URL of the portal, to be opened in a browser at once."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A style: text that is added to prompts and, optionally, a reference image for the look of a video."""

    id: str
    """Id of the preset, sent as `preset` in requests."""
    object: str
    """Type of the object."""
    name: str
    """Name of the style."""
    prompt: str
    """Text added to the prompt."""
    negative_prompt: str
    """Text added to the negative prompt."""
    image: str | None = None
    """Path of the reference image, a PNG; null if there is none."""
    built_in: bool = False
    """Whether the preset is part of Kinora."""
    own: bool = False
    """Whether the preset belongs to the caller."""
    shared: bool = False
    """Whether other users may use the preset by its id."""
    created_at: int
    """Time of creation, in Unix seconds; 0 for a built-in preset."""
    updated_at: int
    """Time of the last change, in Unix seconds; 0 for a built-in preset."""


class PresetPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[Preset] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class PriceFactors(msgspec.Struct, frozen=True, kw_only=True):
    """Factors of the price of a video.

    Each variation costs seconds × rate × quality × model × operation, rounded up to at least 1 credit. Only
    newly generated seconds count, but at least `least_seconds`; an image has none.
    """

    tiers: list[PriceTier] = []
    """Credits for each second, by frame size."""
    quality: dict[str, float] = {}
    """Factor of each quality."""
    models: dict[str, float] = {}
    """Factor of each model; 1 for models not listed."""
    operations: dict[str, float] = {}
    """Factor of each operation; 1 for operations not listed."""
    least_seconds: float
    """Fewest seconds charged."""


class PriceTier(msgspec.Struct, frozen=True, kw_only=True):
    """Price of one second of video up to a frame size."""

    max_short_side: int | None = None
    """Largest short side of the frame the tier applies to, in pixels; null if unlimited."""
    rate: float
    """Credits for each second."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Signed statement of origin in the file."""

    state: Literal["pending", "unsigned"] | str
    """`pending` while the job runs; `unsigned` if the final file carries no signature."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A problem that would reject the request."""

    code: str
    """Machine-readable problem code."""
    param: str | None = None
    """Name of the invalid field; null if the problem concerns no single field."""
    detail: str
    """Explanation and how to resolve it."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in device."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    user_agent: str
    """`User-Agent` the device sent when it signed in."""
    created_at: int
    """Time of creation, in Unix seconds."""
    used_at: int
    """Time of the last request, in Unix seconds."""
    expires_at: int
    """Time at which the session ends unless it is used before, in Unix seconds."""
    current: bool = False
    """Whether this session made the request."""


class SessionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[Session] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class StoryboardCard(msgspec.Struct, kw_only=True):
    """What a video shows from second `at`: a prompt, an image, or a video that is kept unchanged.

    A prompt applies until second `until`; if left out, until shortly before the next one starts. If it applies
    until exactly the start of the next one, the video cuts there.
    """

    at: float | None = None
    """Time in seconds from the start. Default: `0.0`. (0 to 3,600)"""
    until: float | None = None
    """Time in seconds from the start. (0 to 3,600)"""
    prompt: str | None = None
    """Text description of the result. (up to 32,000 characters)"""
    upload: str | Upload | File | ImageReference | Mapping[str, Any] | None = None
    """Image shown at that time."""
    video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None
    """Video kept unchanged from that time on."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """The subscription. Without one, every field but `plan` is null.

    `past_due` and `unpaid` mean that a payment is outstanding; the customer portal accepts another card.
    """

    object: str
    """Type of the object."""
    plan: str
    """Id of the plan."""
    version: int | None = None
    """Version of the plan that was bought."""
    status: str | None = None
    """Status of the subscription in Stripe, for example `active` or `past_due`."""
    current_period_start: int | None = None
    """Start of the current billing period, in Unix seconds."""
    current_period_end: int | None = None
    """End of the current billing period, in Unix seconds."""
    trial_end: int | None = None
    """End of the trial, in Unix seconds; null if there is none."""
    cancel_at: int | None = None
    """Time at which the subscription ends, in Unix seconds; null if it renews."""
    next_plan: str | None = None
    """Id of the plan that follows at the end of the period; null if the plan stays the same."""


class SubscriptionPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Cost and effect of a change of plan.

    For one hour, a change sent with this `proration_date` costs exactly `amount_due`.
    """

    object: str
    """Type of the object."""
    plan: str
    """Id of the plan."""
    version: int
    """Version of the plan that would be bought."""
    effective_at: int
    """Time at which the change takes effect, in Unix seconds."""
    amount_due: int
    """Amount due immediately, in the currency's smallest unit."""
    currency: str
    """ISO 4217 currency code, in lower case."""
    credits: int
    """Credits granted immediately."""
    monthly_amount: int
    """Monthly price after the change, in the currency's smallest unit."""
    monthly_credits: int
    """Monthly credits after the change."""
    proration_date: int | None = None
    """Time for which `amount_due` was calculated, in Unix seconds; null if nothing is due now."""


class TimeRange(msgspec.Struct, kw_only=True):
    """A part of a video, in seconds from its start."""

    from_: float = msgspec.field(name="from")
    """Time in seconds from the start. (0 to 3,600)"""
    to: float
    """Time in seconds from the start. (0 to 3,600)"""


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """An access token and the refresh token that renews it."""

    access_token: str
    """Token to send as `Authorization: Bearer …`."""
    token_type: str
    """Authentication scheme of the access token."""
    expires_in: int
    """Lifetime of the access token, in seconds."""
    refresh_token: str
    """Token to exchange for the next pair; valid once."""
    user: User
    """The signed-in user."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded image or video that requests can refer to by id until it expires.

    `status` is `receiving` until all bytes have arrived, then `ready`, or `refused` with an `error`.
    """

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    kind: Literal["image", "video", "unknown"] | str
    """Media type found in the bytes of the file; `unknown` until they have been examined."""
    status: Literal["receiving", "ready", "refused"] | str
    """State of the upload."""
    filename: str
    """File name given by the client; may be empty."""
    bytes: int
    """Size of the file, in bytes. (at least 0)"""
    offset: int
    """Number of bytes received so far. (at least 0)"""
    width: int | None = None
    """Width in pixels; null until the file has been examined."""
    height: int | None = None
    """Height in pixels; null until the file has been examined."""
    seconds: float | None = None
    """Duration of a video, in seconds; null for an image and until the file has been examined."""
    created_at: int
    """Time of creation, in Unix seconds."""
    expires_at: int
    """Time at which the upload is deleted, in Unix seconds."""
    error: UploadError | None = None
    """Reason for the refusal; null unless `status` is `refused`."""

    def __str__(self) -> str:
        return summarize_upload(self)


class UploadError(msgspec.Struct, frozen=True, kw_only=True):
    """Reason why an upload was refused."""

    code: str
    """Machine-readable problem code."""
    message: str
    """Human-readable description of the error."""


class UploadPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[Upload] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user account."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    email: str
    """E-mail address."""
    email_verified: bool = False
    """Whether the e-mail address has been verified."""
    name: str
    """Display name; may be empty."""
    locale: str
    """Language of texts addressed to the user: `en` or `fr`."""
    plan: str
    """Id of the current plan."""
    created_at: int
    """Time of creation, in Unix seconds."""


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """A video or image and the job that generates it."""

    id: str
    """Unique identifier."""
    object: str
    """Type of the object."""
    kind: str
    """`video` or `image`."""
    model: str
    """Model, as named in the request."""
    status: Literal["queued", "in_progress", "completed", "failed", "cancelled"] | str
    """State of the job: `queued`, then `in_progress`, then `completed`, `failed` or `cancelled`."""
    progress: int
    """Progress of the job, in percent. (0 to 100)"""
    created_at: int
    """Time of creation, in Unix seconds."""
    updated_at: int
    """Time of the last change, in Unix seconds."""
    started_at: int | None = None
    """Time at which a worker started the job, in Unix seconds; null before."""
    completed_at: int | None = None
    """Time at which the job ended, in Unix seconds; null before."""
    expires_at: int | None = None
    """Time at which the files are deleted, in Unix seconds; null until the video is completed."""
    prompt: str
    """Prompt of the request."""
    negative_prompt: str
    """Negative prompt of the request."""
    revised_prompt: str | None = None
    """Prompt as given to the model; null if it is the same as `prompt`."""
    preset: str | None = None
    """Id of the style preset; null if there is none."""
    loras: list[Lora] = []
    """LoRAs applied."""
    seconds: str
    """Duration in seconds, as a string."""
    size: str
    """Width x height in pixels."""
    seed: int
    """Random seed; the same seed gives the same result."""
    quality: Literal["turbo", "full"] | str
    """Quality of the request."""
    remixed_from_video_id: str | None = None
    """Id of the source of a remix; null otherwise."""
    parents: list[str] = []
    """Ids of the source videos."""
    variations: list[str] = []
    """Ids of all videos of the same request, this one included."""
    queue_position: int | None = None
    """Number of jobs ahead in the queue; null unless `status` is `queued`."""
    eta_seconds: int | None = None
    """Estimated remaining time, in seconds; null if there is no estimate."""
    cost: Cost
    """Cost in credits."""
    assets: Assets
    """URLs of the files."""
    provenance: Provenance
    """Signed statement of origin in the file."""
    visibility: Literal["private", "unlisted", "public"] | str
    """Who may see the video."""
    metadata: dict[str, Any] = {}
    """Data of the caller's own, as sent with the request."""
    error: VideoError | None = None
    """Failure in the form OpenAI's clients expect; null unless `status` is `failed`."""
    failure: Failure | None = None
    """Failure; null unless `status` is `failed`."""

    def __str__(self) -> str:
        return summarize_video(self)


class VideoError(msgspec.Struct, frozen=True, kw_only=True):
    """Failure of a video in the form OpenAI's clients expect."""

    code: str
    """Machine-readable failure code, for example `out_of_memory`."""
    message: str
    """Human-readable description of the failure."""


class VideoPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. Send its `last_id` as `after` to get the next page."""

    object: str
    """Type of the object."""
    data: list[Video] = []
    """Items of this page, in the requested order."""
    first_id: str | None = None
    """Id of the first item; null if the page is empty."""
    last_id: str | None = None
    """Id of the last item, to be sent as `after` for the next page; null if the page is empty."""
    has_more: bool = False
    """Whether more items follow this page."""


class VideoReference(msgspec.Struct, kw_only=True):
    """A video: exactly one of an id, a `data:` URL, or a file of a form."""

    id: str | None = None
    """Id of a completed or an uploaded video. (up to 200 characters)"""
    video_url: str | None = None
    """Video as a `data:` URL."""
    file: File | None = None
    """Video file."""
