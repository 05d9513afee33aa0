"""Upload rows as the objects their owner reads."""

from __future__ import annotations

from api.schemas.common import unix_seconds
from api.schemas.uploads import Upload, UploadError
from api.sql.uploads import UploadRow


def to_upload(row: UploadRow) -> Upload:
    """The wire object of an upload."""
    return Upload(
        id=row.id,
        kind=row.kind or "unknown",
        status=row.status,
        filename=row.filename,
        bytes=row.bytes,
        offset=row.received,
        width=row.width,
        height=row.height,
        seconds=row.seconds,
        created_at=unix_seconds(row.created_at),
        expires_at=unix_seconds(row.expires_at),
        error=UploadError(row.code or "", row.reason) if row.reason is not None else None,
    )
