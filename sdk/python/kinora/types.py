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
    upload: str | Upload | File | ImageReference | Mapping[str, Any] | None = None
    """(up to 200 characters)"""
    video: str | Video | Upload | File | VideoReference | Mapping[str, Any] | None = None
    """(up to 200 characters)"""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Credits set aside for the video, and what became of them. After a part-settle, `credits` is what was charged."""

    credits: int
    state: Literal["held", "released", "settled"] | str


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a delete."""

    id: str
    object: str
    deleted: bool
    """(default True)"""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a create with this body would cost and take; `refusals` is empty if it would be accepted."""

    object: str
    credits: int | None
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
    """A picture: a `data:` URL, as OpenAI's clients send it, an upload of one's own, or the bytes of a form's file."""

    image_url: str | None = None
    file_id: str | None = None
    """(up to 200 characters)"""
    file: File | None = None


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that were made."""

    created: int
    output_format: str
    data: list[Image]


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One movement as the balance feels it; the amounts of all entries sum to `available`."""

    id: str
    object: str
    created_at: int
    kind: Literal["dispute", "expire", "grant", "hold", "purchase", "refund", "release", "settle"] | str
    bucket: Literal["allowance", "overage", "purchased"] | str
    amount: int
    video_id: str | None


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
    """Credits used above what is there, paid afterwards."""

    enabled: bool
    """(default False)"""
    cap: int
    """(default 0)"""
    used: int
    """(default 0)"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan allows: credits a month, the picture's short side in pixels, a clip's seconds, clips at once."""

    id: str
    object: str
    monthly_credits: int
    max_short_side: int
    max_seconds: int
    concurrency: int
    retention_days: int


class PlanPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Plan]
    first_id: str | None
    last_id: str | None
    has_more: bool


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


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A fresh pair. The access token is sent as a bearer for `expires_in` seconds; the refresh token works once."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    user: User


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was sent in, to be named by requests until it expires. It is `receiving` until all its bytes have
    come (`offset` of them are there), then `ready`, or `refused` with an `error`. Its `kind` is what its bytes
    are.
    """

    id: str
    object: str
    kind: Literal["image", "video"] | str | None
    status: Literal["ready", "receiving", "refused"] | str
    filename: str
    bytes: int
    """(at least 0)"""
    offset: int
    """(at least 0)"""
    width: int | None
    height: int | None
    seconds: float | None
    created_at: int
    expires_at: int
    error: UploadError | None


class UploadError(msgspec.Struct, frozen=True, kw_only=True):
    """Why an upload cannot be used."""

    code: str
    message: str


class UploadPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list; `after=<last_id>` asks for the next."""

    object: str
    data: list[Upload]
    first_id: str | None
    last_id: str | None
    has_more: bool


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
    """A video: one of one's own that is done or an uploaded film, a `data:` URL, or the bytes of a form's file."""

    id: str | None = None
    """(up to 200 characters)"""
    video_url: str | None = None
    file: File | None = None
