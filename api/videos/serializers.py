"""Generation rows as the objects their owner reads. Reads no database."""

from __future__ import annotations

from math import ceil
from time import time

import msgspec

from api.keyring import Keyring
from api.messaging.events import VideoSnapshot
from api.schemas.common import unix_seconds
from api.schemas.operations import Remix
from api.schemas.videos import TERMINAL_STATUSES, Assets, Cost, Failure, Provenance, Variant, Video, VideoError
from api.settings import Settings
from api.sql.generations import Generation
from api.videos import hls
from api.videos.eta import RenderPace
from api.videos.failures import FAILURE_REASONS

SIGNATURE_SECONDS = 900  # seconds; signed URLs change at whole multiples, so that caches can keep what they fetched


class VideoSerializer:
    """Makes wire objects, with URLs signed by this server's keys and times left by its pace."""

    def __init__(self, settings: Settings, keyring: Keyring, pace: RenderPace) -> None:
        self.pace = pace
        self._origin = settings.origin
        self._keyring = keyring

    def to_video(self, row: Generation) -> Video:
        """The wire object of a generation."""
        failure = _to_failure(row)
        return Video(
            id=row.id,
            kind=row.kind,
            model=row.model,
            status=row.state,
            progress=int(row.progress),
            created_at=unix_seconds(row.created_at),
            updated_at=unix_seconds(row.updated_at),
            started_at=unix_seconds(row.started_at) if row.started_at else None,
            completed_at=unix_seconds(row.completed_at) if row.completed_at else None,
            expires_at=unix_seconds(row.expires_at) if row.expires_at else None,
            prompt=row.prompt,
            revised_prompt=row.revised_prompt,
            preset=row.preset,
            loras=row.loras,
            negative_prompt=row.negative_prompt,
            remixed_from_video_id=row.parents[0] if isinstance(row.operation, Remix) and row.parents else None,
            parents=row.parents,
            seconds=f"{row.seconds:g}",
            size=f"{row.width}x{row.height}",
            seed=row.seed,
            quality=row.quality,
            variations=row.variations,
            queue_position=row.queue_position,
            eta_seconds=self._estimate_seconds_left(row),
            cost=Cost(row.settled if row.cost_state == "settled" else row.credits, row.cost_state, row.relaxed),
            assets=self._build_assets(row),
            provenance=Provenance("unsigned" if row.state in TERMINAL_STATUSES else "pending"),
            visibility=row.visibility,
            metadata=row.metadata,
            error=VideoError(failure.code, failure.user_message) if failure else None,
            failure=failure,
        )

    def to_snapshot(self, row: Generation) -> VideoSnapshot:
        """The row as it is sent to watchers."""
        version = int(row.updated_at.timestamp() * 1_000_000)
        data = msgspec.json.encode(self.to_video(row))
        return VideoSnapshot(row.id, row.user_id, version, row.state in TERMINAL_STATUSES, data)

    def asset_url(self, video_id: str, variant: Variant, expires: int) -> str:
        """A signed URL of one rendition that opens until `expires` (Unix seconds)."""
        signature = self._keyring.sign_media(f"{video_id}/{variant}", expires)
        query = f"variant={variant}&expires={expires}&signature={signature}"
        return f"{self._origin}/v1/videos/{video_id}/content?{query}"

    def stream_url(self, row: Generation) -> str | None:
        """A signed URL of the stream, while there is something to watch."""
        ends = hls.stream_expires_at(row.created_at)
        if not row.published_seconds or row.state == "failed" or row.purged_at or time() > ends:
            return None
        signature = self._keyring.sign_media(hls.signed_path(row.id), ends)
        return f"{self._origin}/v1/videos/{row.id}/stream.m3u8?expires={ends}&signature={signature}"

    def preview_url(self, row: Generation) -> str | None:
        """A signed URL of the latest preview image, until the video is terminal."""
        ends = hls.stream_expires_at(row.created_at)
        if row.preview is None or row.state in TERMINAL_STATUSES or time() > ends:
            return None
        signature = self._keyring.sign_media(hls.signed_preview_path(row.id), ends)
        return f"{self._origin}/v1/videos/{row.id}/preview/{row.preview}?expires={ends}&signature={signature}"

    def _build_assets(self, row: Generation) -> Assets:
        expires = (int(time()) // SIGNATURE_SECONDS + 2) * SIGNATURE_SECONDS
        files = {variant: self.asset_url(row.id, variant, expires) for variant in row.variants}
        return Assets(**files, stream=self.stream_url(row), preview=self.preview_url(row))

    def _estimate_seconds_left(self, row: Generation) -> int | None:
        """Seconds left, the queue's included: by the worker's measurement or, before that, the pace of such videos."""
        if row.state in TERMINAL_STATUSES:
            return None
        ahead = row.queue_position or 0
        if row.eta_seconds is not None and not ahead:
            return ceil(row.eta_seconds)
        work = self.pace.estimate_work(row.served_by, row.quality, row.generated_seconds, row.width, row.height)
        left = self.pace.estimate_wait(work, 0) if row.eta_seconds is None else row.eta_seconds
        return ceil(left + self.pace.estimate_wait(work, ahead) - self.pace.estimate_wait(work, 0))


def _to_failure(row: Generation) -> Failure | None:
    if row.failure is None:
        return None
    reason = FAILURE_REASONS[row.failure]
    message = " ".join(filter(None, (reason.localized_message(row.locale), row.failure_detail)))
    return Failure(row.failure, reason.retryable, refunded=row.settled == 0, user_message=message)


def poll_headers(video: Video) -> dict[str, str]:
    """Headers that say how soon to poll again. The value is short, as openai-python keeps the first one."""
    if video.eta_seconds is None:
        return {}
    milliseconds = max(500, min(2000, video.eta_seconds * 100))
    return {"openai-poll-after-ms": str(milliseconds), "Retry-After": str(max(1, min(30, video.eta_seconds)))}
