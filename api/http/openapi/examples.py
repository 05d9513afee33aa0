"""One example of every request and response body, for the OpenAPI document. Each is an instance of its Struct."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import msgspec

from api import errors, ids
from api.errors import Problem
from api.schemas import accounts, billing, common, models, presets, uploads, video_requests, videos

_NOW = 1_767_225_600
_VIDEO = f"{ids.VIDEO}_01KDVHG3008Q1V4W0T6M2X9ZRB"
_OTHER_VIDEO = f"{ids.VIDEO}_01KDVHG3008Q1V4W0T6M2X9ZRC"
_USER = f"{ids.USER}_01KDVHG1004J8B7N5C3P1D2F6G"
_LEDGER_ENTRY = f"{ids.LEDGER_ENTRY}_01KDVHG3009S2R4T6V8W0X1Y3Z"
_REQUEST = f"{ids.REQUEST}_01KDVHG30035T7K9M1N3P5Q7R9"

_USER_EXAMPLE = accounts.User(
    id=_USER,
    email="ada@example.com",
    email_verified=True,
    name="Ada",
    locale="en",
    plan="free",
    created_at=_NOW,
)
_KEY = {
    "id": f"{ids.API_KEY}_01KDVHG5002A4B6C8D0E1F3G5H",
    "name": "nightly renders",
    "scopes": ["videos:read", "videos:write"],
    "hint": "x7Qd",
    "created_at": _NOW,
    "used_at": None,
}

VIDEO = videos.Video(
    id=_VIDEO,
    kind="video",
    model="kinora-mini",
    status="in_progress",
    progress=40,
    created_at=_NOW,
    updated_at=_NOW + 3,
    started_at=_NOW + 1,
    completed_at=None,
    expires_at=None,
    prompt="a red ball bounces over green hills at sunset",
    negative_prompt="",
    seconds="4",
    size="320x192",
    seed=7,
    quality="full",
    variations=[_VIDEO],
    queue_position=None,
    eta_seconds=5,
    cost=videos.Cost(credits=8, state="held", relaxed=False),
    assets=videos.Assets(
        stream=f"https://video.example.org/v1/videos/{_VIDEO}/stream.m3u8?expires=1767312000&signature=…",
        preview=f"https://video.example.org/v1/videos/{_VIDEO}/preview/1-2.jpg?expires=1767312000&signature=…",
    ),
    provenance=videos.Provenance("pending"),
    visibility="private",
    metadata={"shot": "1"},
    error=None,
    failure=None,
)

PLAYLIST = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:3
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-START:TIME-OFFSET=0,PRECISE=YES
#EXT-X-MAP:URI="stream/0c5e1d3f9a7b2468.mp4?expires=1767312000&signature=…"
#EXTINF:2.125000,
stream/1-0.m4s?expires=1767312000&signature=…
"""

RESPONSES: dict[type[Any], msgspec.Struct] = {
    videos.Video: VIDEO,
    presets.Preset: presets.Preset(
        id="film_noir",
        name="Film noir",
        prompt="Film noir in black and white: hard light from one side, deep shadows",
        negative_prompt="colour",
        image=None,
        built_in=True,
        own=False,
        shared=True,
        created_at=0,
        updated_at=0,
    ),
    uploads.Upload: uploads.Upload(
        id=f"{ids.UPLOAD}_01KDVHG4004K6M8P0R2T4V6X8Z",
        kind="video",
        status="ready",
        filename="boat.mp4",
        bytes=2_457_600,
        offset=2_457_600,
        width=720,
        height=1280,
        seconds=5.0,
        created_at=_NOW,
        expires_at=_NOW + 86_400,
        error=None,
    ),
    videos.ImagesResponse: videos.ImagesResponse(
        created=_NOW,
        data=[
            videos.GeneratedImage(
                id=_VIDEO,
                url=f"http://127.0.0.1:8000/v1/videos/{_VIDEO}/content?variant=poster&expires=1767312000&signature=…",
                b64_json=None,
                revised_prompt="a red ball over green hills",
            )
        ],
    ),
    common.Deleted: common.Deleted(id=_VIDEO, object="video.deleted"),
    videos.Estimate: videos.Estimate(credits=8, relaxed=False, eta_seconds=6, refusals=[]),
    models.Model: models.Model(
        id="kinora-mini",
        title="Kinora Mini",
        description="Draws a small world of coloured things that move; ships with Kinora.",
        created=_NOW,
        owned_by="kinora",
        repo=None,
        licence="Apache-2.0",
        licence_url="https://www.apache.org/licenses/LICENSE-2.0",
        memory_gb=0.5,
        memory_estimated=True,
        fps=8.0,
        frame_rule=8,
        sizes=["320x192", "192x320"],
        native_sizes=["160x96", "96x160"],
        image_positions="any",
        operations=["extend", "image_to_video", "text_to_video"],
        qualities=["full", "turbo"],
        loras=["watercolour"],
        limits=models.Limits(
            max_seconds=20,
            min_side=64,
            max_side=512,
            side_multiple=32,
            max_upload_bytes=52_428_800,
            max_image_pixels=25_000_000,
            max_video_pixels=8_294_400,
            max_video_seconds=20,
        ),
        aliases=["sora-2"],
    ),
    accounts.User: _USER_EXAMPLE,
    accounts.Tokens: msgspec.convert(
        {"access_token": "…", "expires_in": 900, "refresh_token": "…", "user": _USER_EXAMPLE}, accounts.Tokens
    ),
    accounts.Session: accounts.Session(
        id=f"{ids.SESSION}_01KDVHG2006N8P0Q2R4S6T8V0W",
        user_agent="Kinora/1.0 (iPhone; iOS 26.0)",
        created_at=_NOW,
        used_at=_NOW + 60,
        expires_at=_NOW + 2_592_000,
        current=True,
    ),
    accounts.ApiKey: msgspec.convert(_KEY, accounts.ApiKey),
    accounts.NewApiKey: msgspec.convert({**_KEY, "key": "kin_…"}, accounts.NewApiKey),
    billing.Balance: billing.Balance(
        available=292,
        held=8,
        buckets=billing.Buckets(
            allowance=billing.Amount(amount=292, expires_at=_NOW + 2_592_000),
            purchased=billing.Amount(amount=0),
            overage=billing.Overage(),
        ),
    ),
    billing.LedgerEntry: billing.LedgerEntry(
        id=_LEDGER_ENTRY,
        created_at=_NOW,
        kind="hold",
        bucket="allowance",
        amount=-8,
        video_id=_VIDEO,
        invoice=None,
        note=None,
    ),
    billing.Plans: billing.Plans(
        data=[
            billing.Plan(
                id="plus",
                version=1,
                amount=999,
                currency="usd",
                monthly_credits=3000,
                trial_days=7,
                trial_credits=300,
                max_short_side=1080,
                max_seconds=15,
                concurrency=2,
                priority=0,
                retention_days=365,
                marked=False,
                relaxed=False,
            )
        ],
        first_id="plus",
        last_id="plus",
        has_more=False,
        packs=[billing.Pack(id="small", version=1, credits=500, amount=499, currency="usd")],
        overage=billing.OverageTerms(amount="1", currency="usd", max_cap=10_000, default_cap=1_000),
        prices=billing.PriceFactors(
            tiers=[billing.PriceTier(480, 1), billing.PriceTier(None, 2)],
            quality={"turbo": 1, "full": 2},
            models={},
            operations={},
            least_seconds=0,
        ),
    ),
    billing.Checkout: billing.Checkout(
        id=f"{ids.CHECKOUT}_01KDVHG2006N8P0Q2R4S6T8V0W",
        kind="subscription",
        item="plus",
        quantity=1,
        amount=999,
        currency="usd",
        trial_days=7,
        url="https://checkout.stripe.com/c/pay/cs_live_…",
        expires_at=_NOW + 86_400,
    ),
    billing.Portal: billing.Portal(url="https://billing.stripe.com/p/session/…"),
    billing.Subscription: billing.Subscription(
        plan="pro",
        version=1,
        status="active",
        current_period_start=_NOW,
        current_period_end=_NOW + 2_678_400,
        cancel_at=None,
        next_plan="plus",
    ),
    billing.SubscriptionPreview: billing.SubscriptionPreview(
        plan="pro",
        version=1,
        effective_at=_NOW,
        amount_due=2000,
        currency="usd",
        credits=13_500,
        monthly_amount=4999,
        monthly_credits=30_000,
        proration_date=_NOW,
    ),
    common.Health: common.Health(status="ok", checks={"postgresql": "ok", "redis": "ok"}),
}

REQUESTS: dict[type[Any], dict[str, Any]] = {
    billing.CheckoutCreate: {"plan": "plus", "success_url": "https://example.org/paid"},
    billing.PackCheckoutCreate: {"pack": "small", "quantity": 2, "success_url": "https://example.org/paid"},
    billing.PortalCreate: {"return_url": "https://example.org/account"},
    billing.SubscriptionPreviewCreate: {"plan": "pro"},
    billing.SubscriptionChange: {"plan": "pro", "proration_date": _NOW},
    video_requests.VideoCreate: {
        "prompt": "a red ball bounces over green hills at sunset",
        "model": "kinora-mini",
        "seconds": 4,
        "size": "320x192",
        "seed": 7,
    },
    video_requests.VideoRemix: {"prompt": "the same at night, in the rain", "strength": "mild"},
    video_requests.VideoEdit: {"video": _VIDEO, "prompt": "a green ball bounces over green hills at sunset"},
    video_requests.VideoExtension: {
        "video": _VIDEO,
        "prompt": "the red ball goes on bouncing",
        "seconds": 4,
        "direction": "forward",
    },
    video_requests.VideoRecut: {"video": _VIDEO, "keep": [{"from": 0, "to": 1.5}], "prompt": "the ball bursts"},
    video_requests.VideoBlend: {
        "from": _VIDEO,
        "to": _OTHER_VIDEO,
        "curve": "even",
        "seconds": 4,
    },
    video_requests.VideoLoop: {"video": _VIDEO, "length": "short"},
    presets.PresetCreate: {
        "name": "Our brand",
        "prompt": "flat colours, thick outlines, a teal sky",
        "shared": True,
    },
    presets.PresetChange: {"name": "Our brand, 2027"},
    video_requests.ImageCreate: {"prompt": "a red ball over green hills", "n": 1, "response_format": "url"},
    accounts.SignUp: {
        "email": "ada@example.com",
        "password": "correct horse battery",
        "name": "Ada",
        "locale": "en",
    },
    accounts.LogIn: {"email": "ada@example.com", "password": "correct horse battery"},
    accounts.Refresh: {"refresh_token": "…"},
    accounts.ProfileUpdate: {"name": "Ada Lovelace", "locale": "fr"},
    billing.OverageChange: {"enabled": True, "cap": 1000},
    accounts.ApiKeyCreate: {"name": "nightly renders", "scopes": ["videos:read", "videos:write"]},
}

STRIPE_EVENT = {
    "id": "evt_1QABCDEFGHJKLMNOPQRSTUVW",
    "object": "event",
    "type": "invoice.paid",
    "created": _NOW,
    "data": {"object": {"id": "in_1QABCDEFGHJKLMNOPQRSTUVW", "object": "invoice"}},
}
EVENT = f"id: {_NOW + 3}000000-{_VIDEO}\nevent: video\ndata: {msgspec.json.encode(VIDEO).decode()}\n\n"

_PROBLEMS: dict[type[Problem], Problem] = {
    errors.InsufficientCredits: errors.InsufficientCredits(32, 4),
    errors.Invalid: errors.Invalid("`n`: expected `int` <= 4.", param="n"),
    errors.NotFound: errors.NotFound("There is no such video.", param="video_id"),
}


def response_example(kind: Any) -> Any:
    """The example of a response body as plain values; of a page, with one item."""
    if get_origin(kind) is common.Page:
        (item,) = get_args(kind)
        example = RESPONSES[item]
        name = getattr(example, "id", None)
        return msgspec.to_builtins(common.Page(data=[example], first_id=name, last_id=name, has_more=False))
    return msgspec.to_builtins(RESPONSES[kind])


def problem_example(kind: type[Problem]) -> dict[str, Any]:
    """The example of a problem document."""
    return (_PROBLEMS.get(kind) or kind()).body(_REQUEST)
