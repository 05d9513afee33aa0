"""Drawing a row as the object its owner sees. Pure: rows in, Structs out."""

from __future__ import annotations

from math import ceil
from time import time

from api.failures import REASONS
from api.models import Assets, Cost, Failure, Variant, Video, VideoError
from api.settings import Settings
from api.sql.generations import Generation
from api.tokens import Keyring

SIGNED_FOR = 900  # seconds; signed URLs change at whole multiples, so that caches can keep what they fetched
TERMINAL = frozenset({"completed", "failed", "cancelled"})


def video(row: Generation, keyring: Keyring, settings: Settings) -> Video:
    """The wire object of a generation."""
    failure = _failure(row)
    return Video(
        id=row.id,
        kind=row.kind,
        model=row.model,
        status=row.state,
        progress=int(row.progress),
        created_at=int(row.created_at.timestamp()),
        updated_at=int(row.updated_at.timestamp()),
        started_at=int(row.started_at.timestamp()) if row.started_at else None,
        completed_at=int(row.completed_at.timestamp()) if row.completed_at else None,
        expires_at=int(row.expires_at.timestamp()) if row.expires_at else None,
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        seconds=str(row.seconds),
        size=f"{row.width}x{row.height}",
        seed=row.seed,
        quality=row.quality,
        variations=row.variations,
        queue_position=row.queue_position,
        eta_seconds=None if row.eta_seconds is None else ceil(row.eta_seconds),
        cost=Cost(row.settled if row.cost_state == "settled" else row.credits, row.cost_state),
        assets=_assets(row, keyring, settings),
        visibility=row.visibility,
        metadata=row.metadata,
        error=VideoError(failure.code, failure.user_message) if failure else None,
        failure=failure,
    )


def _failure(row: Generation) -> Failure | None:
    if row.failure is None:
        return None
    reason = REASONS[row.failure]
    return Failure(row.failure, reason.retryable, refunded=row.settled == 0, user_message=reason.message(row.locale))


def _assets(row: Generation, keyring: Keyring, settings: Settings) -> Assets:
    expires = (int(time()) // SIGNED_FOR + 2) * SIGNED_FOR
    return Assets(**{variant: asset_url(row.id, variant, expires, keyring, settings) for variant in row.variants})


def asset_url(video_id: str, variant: Variant, expires: int, keyring: Keyring, settings: Settings) -> str:
    """A URL that opens one rendition without a token until `expires` (Unix seconds)."""
    signature = keyring.sign_media(f"{video_id}/{variant}", expires)
    query = f"variant={variant}&expires={expires}&signature={signature}"
    return f"{settings.origin}/v1/videos/{video_id}/content?{query}"


def poll_headers(shown: Video) -> dict[str, str]:
    """How soon to ask again: openai-python keeps the first value for the whole wait, so it stays short."""
    if shown.status in TERMINAL:
        return {}
    eta = shown.eta_seconds if shown.eta_seconds is not None else 2
    return {"openai-poll-after-ms": str(max(500, min(2000, eta * 250))), "Retry-After": str(max(1, min(30, eta)))}
