"""Checks that a user's upload exists and has not expired."""

from __future__ import annotations

from datetime import UTC, datetime

from api import ids
from api.errors import Expired, NotFound
from api.sql import uploads
from api.sql.connection import Database
from api.sql.uploads import UploadRow


async def find_available(db: Database, upload_id: str, user_id: str) -> UploadRow:
    """One of the user's uploads. Raises NotFound, Expired."""
    row = await uploads.find_upload(db, upload_id, user_id) if ids.is_valid_id(upload_id, ids.UPLOAD) else None
    row = require_upload(row, upload_id)
    if row.expires_at < datetime.now(UTC):
        raise Expired(f"{row.id} was kept for a day; send it again.", param="upload_id")
    return row


def require_upload(row: UploadRow | None, upload_id: str) -> UploadRow:
    """The row, if there is one. Raises NotFound."""
    if row is None:
        raise upload_not_found(upload_id)
    return row


def upload_not_found(upload_id: str) -> NotFound:
    """The error for an upload that does not exist or belongs to somebody else."""
    return NotFound(f"There is no upload {upload_id[:64]!r} for you.", param="upload_id")
